// The section with the picture of classes, to which points can be added.

import { Boundary } from './boundary.mjs'
import { toNumber } from './columns.mjs'
import { find, make } from './dom.mjs'
import { fit, nameLabel } from './fit.mjs'

export class Picture {
  #state = null

  constructor(engine, guard) {
    const canvas = find('boundary')
    this.boundary = new Boundary(canvas, engine)
    canvas.addEventListener('click', (event) => {
      const { left, top, width, height } = canvas.getBoundingClientRect()
      const values = this.boundary.valuesAt((event.clientX - left) / width, (event.clientY - top) / height)
      guard('picture-error', () => this.#add(values.map((value) => value.toPrecision(5))))
    })
    find('point').addEventListener('submit', (event) => {
      event.preventDefault()
      guard('picture-error', () => this.#add([find('point-x').value, find('point-y').value]))
    })
  }

  /**
   * Shows a model's classes if it has two columns of numbers, and learns anew for each added point.
   *
   * @param {object} model of `fit`
   * @param {object} table
   * @param {object[]} columns of the table
   * @param {object} problem for `fit`
   * @param {number[]} places of the rows that were fitted
   * @param {function} onChange called with each later model
   */
  async start(model, table, columns, problem, places, onChange) {
    const isFlat = model.task === 'classification' && model.nFeatures === 2
    const isShown = isFlat && model.columns.every(({ kind }) => kind === 'number')
    find('picture').hidden = !isShown
    this.boundary.reset()
    if (!isShown) return
    const copy = { ...table, rows: [...table.rows] }
    this.#state = { model, table: copy, columns, problem, places: [...places], onChange }
    find('point-class').replaceChildren(...model.names.map((name) => make('option', { value: name }, name)))
    model.columns.forEach(({ name }, i) => { find(`point-${'xy'[i]}-name`).textContent = name })
    await this.#draw()
  }

  async #add(values) {
    const { model, table, columns, problem, places, onChange } = this.#state
    model.columns.forEach((column, i) => toNumber(column, values[i])) // refuses what is no number
    const row = table.names.map(() => '')
    model.columns.forEach(({ place }, i) => { row[place] = values[i] })
    row[problem.target] = find('point-class').value
    places.push(table.rows.push(row) - 1)
    this.#state.model = fit(table, columns, problem, places)
    onChange(this.#state.model)
    await this.#draw()
  }

  async #draw() {
    const { model, table, places, problem } = this.#state
    const [across, up] = model.columns
    const points = places.map((i) => table.rows[i]).map((row) => ({
      x: toNumber(across, row[across.place]), y: toNumber(up, row[up.place]),
      id: model.names.indexOf(nameLabel(model.labelKind, row[problem.target])),
    })).filter(({ x, y }) => !Number.isNaN(x + y))
    const status = find('picture-status')
    status.textContent = 'Drawing …'
    await this.boundary.show(model, points, (n) => {
      status.textContent = `${points.length} points; the classes of ${n} × ${n} places.`
      find('boundary').setAttribute('aria-label', `The most probable of the classes ${model.names.join(', ')} ` +
        `by ${across.name} and ${up.name}, with the table's ${points.length} points.`)
    })
  }
}
