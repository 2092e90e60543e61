// Tables to try the page with: Fisher's iris, which is a file beside it, and two that are drawn.

import { makeGenerator } from './client.mjs'
import { writeCsv } from './csv.mjs'

/** The CSV text of a sample table. */
export const SAMPLES = {
  iris: async () => (await fetch('iris.csv')).text(),
  trips: async () => drawTrips(),
  moons: async () => drawMoons(Math.floor(Math.random() * 2 ** 31)),
}

/** Made-up trips by bike, bus and car: categories, a date, missing values; and how long they took. */
export function drawTrips(nRows = 300, seed = 1) {
  const draw = makeGenerator(seed)
  const speeds = { bike: 15, bus: 20, car: 30 }
  const rows = Array.from({ length: nRows }, () => {
    const vehicle = Object.keys(speeds)[Math.min(2, Math.floor(3 * draw()))]
    const distance = 0.5 + 14 * draw() ** 2, hour = 6 + 14 * draw(), rains = draw() < 0.3
    const day = new Date(Date.UTC(2024, 0, 1 + Math.floor(180 * draw()))).toISOString().slice(0, 10)
    const isRush = hour < 9 || (hour > 16 && hour < 19)
    const slowness = 1 + (isRush && vehicle !== 'bike' ? 0.6 : 0) + (rains ? 0.15 : 0)
    const waiting = vehicle === 'bus' ? 6 : 2
    const minutes = (60 * distance * slowness) / speeds[vehicle] + waiting + 4 * (draw() + draw() - 1)
    const shown = [distance.toFixed(1), vehicle, hour.toFixed(1), rains ? 'True' : 'False', day]
    return [...shown.map((value) => (draw() < 0.05 ? '' : value)), Math.max(1, minutes).toFixed(1)]
  })
  return writeCsv(['distance', 'vehicle', 'hour', 'rain', 'day', 'minutes'], rows)
}

/** Two half circles that reach into each other. */
export function drawMoons(seed, nRows = 120) {
  const draw = makeGenerator(seed)
  const noise = () => 0.5 * (draw() + draw() + draw() - 1.5)
  const rows = Array.from({ length: nRows }, (_, i) => {
    const angle = Math.PI * draw(), isUpper = i % 2 === 0
    const x = isUpper ? Math.cos(angle) : 1 - Math.cos(angle)
    const y = isUpper ? Math.sin(angle) : 0.5 - Math.sin(angle)
    return [(x + noise()).toFixed(3), (y + noise()).toFixed(3), isUpper ? 'upper' : 'lower']
  })
  return writeCsv(['x', 'y', 'moon'], rows)
}
