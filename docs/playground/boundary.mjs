// A picture of where the classes lie in a table of two columns of numbers.

import { shorten } from './columns.mjs'
import { Stopped } from './engine.mjs'
import { restore } from './fit.mjs'

// Colours that people with any kind of colour vision can tell apart (Okabe and Ito, and two more).
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#f0e442',
  '#7f7f7f', '#8c564b', '#17becf']
const STEPS = [12, 36] // cells along an axis: first a coarse picture, then a finer one
const BORDER = 0.08

export class Boundary {
  #count = 0

  constructor(canvas, engine) {
    this.canvas = canvas
    this.engine = engine
  }

  /**
   * Draws a model's classes, coarse and then fine, and the points of the table on top.
   *
   * @param {object} model of `fit`, of two columns of numbers
   * @param {object[]} points {x, y, id} of the class
   * @param {function} report called with the number of cells along an axis of what is drawn
   * @throws {Stopped} if another drawing began meanwhile
   */
  async show(model, points, report) {
    const count = ++this.#count
    const values = [points.map(({ x }) => x), points.map(({ y }) => y)]
    const isOutside = this.limits?.some(([low, high], axis) => values[axis].some((v) => v < low || v > high))
    if (!this.limits || isOutside) this.limits = values.map(limitsOf)
    this.#drawPoints(model, points)
    for (const n of STEPS) {
      const rows = cells(n).map(([i, j]) => this.valuesAt((i + 0.5) / n, (j + 0.5) / n).map(String))
      const columns = model.columns.map((column, i) => ({ ...column, place: i }))
      const answers = await this.engine.predict(model, columns, rows, undefined, () => count !== this.#count)
      if (count !== this.#count) throw new Stopped()
      this.#drawCells(n, restore(model, answers))
      this.#drawPoints(model, points)
      report(n)
    }
  }

  /** Forgets the range of the axes, for another table. */
  reset() {
    this.#count += 1
    this.limits = null
    this.#context.clearRect(0, 0, this.canvas.width, this.canvas.height)
  }

  /** The values at a place of the picture, from its left and upper edge in shares of its size. */
  valuesAt(left, top) {
    return [this.#value(0, left), this.#value(1, 1 - top)]
  }

  get #context() {
    return this.canvas.getContext('2d')
  }

  #value(axis, share) {
    const [low, high] = this.limits[axis]
    return low + share * (high - low)
  }

  #drawCells(n, answers) {
    const { width, height } = this.canvas, context = this.#context
    context.globalAlpha = 1
    context.fillStyle = '#ffffff'
    context.fillRect(0, 0, width, height)
    cells(n).forEach(([i, j], k) => {
      const { probabilities } = answers[k]
      const largest = Math.max(...probabilities)
      context.fillStyle = COLOURS[probabilities.indexOf(largest)]
      context.globalAlpha = 0.1 + 0.6 * largest ** 2
      const edge = (cell, size) => Math.round((cell * size) / n)
      const [x, y] = [edge(i, width), edge(j, height)]
      context.fillRect(x, y, edge(i + 1, width) - x, edge(j + 1, height) - y)
    })
  }

  #drawPoints(model, points) {
    const { width, height } = this.canvas, context = this.#context
    const share = (axis, value) => (value - this.limits[axis][0]) / (this.limits[axis][1] - this.limits[axis][0])
    context.globalAlpha = 1
    context.lineWidth = 1.5
    context.strokeStyle = '#14171b'
    for (const { x, y, id } of points) drawMark(context, id, share(0, x) * width, (1 - share(1, y)) * height)
    this.#drawLegend(model)
  }

  #drawLegend({ names, columns }) {
    const { width, height } = this.canvas, context = this.#context
    const write = (text, x, y) => {
      context.lineWidth = 4
      context.strokeStyle = '#ffffff'
      context.strokeText(text, x, y)
      context.fillStyle = '#14171b'
      context.fillText(text, x, y)
      context.lineWidth = 1.5
      context.strokeStyle = '#14171b'
    }
    context.font = '16px system-ui, sans-serif'
    names.forEach((name, id) => {
      drawMark(context, id, 16, 20 + 24 * id)
      write(shorten(name, 24), 30, 25 + 24 * id)
    })
    const [across, up] = columns.map(({ name }) => shorten(name, 24))
    write(`${across} →`, width - context.measureText(`${across} →`).width - 8, height - 10)
    write(`↑ ${up}`, 8, height - 10)
  }
}

const cells = (n) => Array.from({ length: n * n }, (_, k) => [k % n, Math.floor(k / n)])

function limitsOf(values) {
  const low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b))
  return [low - BORDER * (high - low), high + BORDER * (high - low)]
}

/** Classes differ in shape, too: circles, then polygons of three, four and more corners. */
function drawMark(context, id, x, y) {
  context.beginPath()
  if (id === 0) context.arc(x, y, 5, 0, 2 * Math.PI)
  for (let corner = 0; id > 0 && corner < id + 2; corner++) {
    const angle = (2 * Math.PI * corner) / (id + 2) - Math.PI / 2
    context.lineTo(x + 6.5 * Math.cos(angle), y + 6.5 * Math.sin(angle))
  }
  context.closePath()
  context.fillStyle = COLOURS[id]
  context.fill()
  context.stroke()
}
