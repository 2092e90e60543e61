// Predictions for new rows: of a second CSV file, or of one row filled in by hand.

import { neutralise, writeCsv } from './csv.mjs'
import { find, make, makeTable, save } from './dom.mjs'
import { place, restore } from './fit.mjs'
import { Progress } from './progress.mjs'

const MOST_SHOWN = 10

export class NewRows {
  #model = null
  #saved = null

  /**
   * @param {Engine} engine
   * @param {function} readTable from a file to a table
   * @param {function} guard which shows errors
   */
  constructor(engine, readTable, guard) {
    this.engine = engine
    this.progress = new Progress(find('new-progress'), engine)
    find('new-file').addEventListener('change', ({ target }) => guard('new-error', async () => {
      if (target.files.length) await this.#predictTable(await readTable(target.files[0]))
      target.value = '' // so that the same file can be chosen again
    }))
    find('by-hand').addEventListener('submit', (event) => {
      event.preventDefault()
      guard('new-error', () => this.#predictByHand())
    })
    find('save-predictions').addEventListener('click', () => save('predictions.csv', this.#saved, 'text/csv'))
  }

  /** Takes another model, and the row that the form starts with. */
  start(model, row) {
    this.use(model)
    find('by-hand').replaceChildren(...model.columns.map((column, i) => {
      const value = row[column.place]
      const field = column.kind === 'category' || column.kind === 'boolean'
        ? makeChoice(column.levels ?? ['True', 'False'], value)
        : make('input', { value, ...(column.kind === 'number' && { inputMode: 'decimal' }) })
      field.id = `by-hand-${i}`
      return make('div', {}, make('label', { htmlFor: field.id }, column.name), field)
    }), make('button', { type: 'submit' }, 'Predict'))
  }

  /** Takes another model of the same columns. */
  use(model) {
    this.#model = model
    this.#clear()
  }

  #clear() {
    this.#saved = null
    this.progress.clear()
    find('predictions').replaceChildren()
    find('save-predictions').hidden = true
  }

  async #predictByHand() {
    const row = [...find('by-hand').querySelectorAll('input, select')].map((field) => field.value)
    const model = this.#model, { targetName, names } = model
    const columns = model.columns.map((column, i) => ({ ...column, place: i }))
    this.#clear()
    const [answer] = restore(model, await this.engine.predict(model, columns, [row]))
    const shares = names?.map((name, k) => `${name}: ${(100 * answer.probabilities[k]).toFixed(1)} %`).join(', ')
    const text = make('p', {}, `${targetName}: `, make('strong', {}, shown(answer)), shares ? ` (${shares})` : '')
    find('predictions').replaceChildren(text)
  }

  async #predictTable(table) {
    this.#clear()
    const { placed, nUnseen } = place(this.#model.columns, table)
    const model = this.#model
    const outputs = await this.progress.show(table.rows.length, (report) =>
      this.engine.predict(model, placed, table.rows, report))
    if (!outputs) return
    const { targetName, names } = model, answers = restore(model, outputs)
    const added = [`predicted ${targetName}`, ...(names ?? []).map((name) => `probability of ${name}`)]
    const values = answers.map(({ prediction, probabilities = [] }) => [prediction, ...probabilities.map(String)])
    const written = [[...table.names, ...added], ...table.rows.map((row, i) => [...row, ...values[i]])]
    const [header, ...cells] = written.map((row) => row.map(neutralise))
    this.#saved = writeCsv(header, cells)
    const caption = `The first ${Math.min(MOST_SHOWN, answers.length)} of ${answers.length} predictions` +
      (nUnseen ? `. Categories that the model doesn't know, counted as missing: ${nUnseen}` : '')
    const rows = answers.slice(0, MOST_SHOWN).map((answer, i) =>
      [String(i + 1), shown(answer), ...(answer.probabilities ?? []).map((p) => p.toFixed(3))])
    find('predictions').replaceChildren(makeTable(caption, ['row', ...added], rows))
    find('save-predictions').hidden = false
  }
}

const shown = ({ prediction, value }) => (value === undefined ? prediction : String(Number(value.toPrecision(6))))

function makeChoice(levels, value) {
  const options = ['', ...levels].map((level) => make('option', { value: level }, level || '(missing)'))
  const field = make('select', {}, ...options)
  field.value = levels.find((level) => level.toLowerCase() === value.toLowerCase()) ?? ''
  return field
}
