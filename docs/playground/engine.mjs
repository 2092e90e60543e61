// The network in a worker, which gets query rows in pieces.

import { encode } from './fit.mjs'
import { Refusal } from './refusal.mjs'

const FILES = { classification: 'mini-classifier.onnx', regression: 'mini-regressor.onnx' }

// Most scores of the attention across rows in one run; each takes 4 bytes for each of 4 heads.
const MOST_SCORES = 27_000_000
const MOST_ROWS = 512, FEWEST_ROWS = 128

const ADVICE = 'If memory is short, let it read fewer rows, or use fewer columns.'

/** Thrown by a prediction that was stopped. */
export class Stopped extends Error {}

export class Engine {
  #worker = null
  #waiting = new Map()
  #count = 0

  /**
   * What the network answers, {probabilities} or {targets}, for rows of strings.
   *
   * @param {object} model of `fit`
   * @param {object[]} columns the model's, at their places in the rows
   * @param {string[][]} rows
   * @param {function} report called with the share of rows that is done, before and after each piece
   * @param {function} isStale whether nobody wants the rest any more
   * @throws {Stopped} if that is so, or `stop` was called
   */
  async predict(model, columns, rows, report = () => {}, isStale = () => false) {
    const { typeId, nFeatures, x, y, classes, names } = model
    const task = { file: FILES[model.task], model: { typeId, nFeatures, x, y, classes, names } }
    const query = encode(columns, rows)
    const size = pieceSize(y.length, nFeatures)
    const pieces = []
    for (let start = 0; start < rows.length; start += size) {
      report(start / rows.length)
      const part = query.slice(start * nFeatures, (start + size) * nFeatures)
      pieces.push(await this.#run({ ...task, query: part }))
      if (isStale()) throw new Stopped()
    }
    report(1)
    const key = model.task === 'classification' ? 'probabilities' : 'targets'
    return { [key]: pieces.flatMap((piece) => piece[key]) }
  }

  /** Ends whatever is running. The next prediction then loads the network anew. */
  stop(error = new Stopped()) {
    if (!this.#waiting.size) return
    this.#worker?.terminate()
    this.#worker = null
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  #run(task) {
    this.#worker ??= this.#start()
    const id = this.#count++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ id, ...task })
    })
  }

  #start() {
    // A worker of a blob has the page's content security policy; one of a file would have none.
    const script = `import ${JSON.stringify(new URL('worker.mjs', import.meta.url))}`
    const address = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }))
    const worker = new Worker(address, { type: 'module' })
    worker.onmessage = ({ data: { id, answers, error } }) => {
      const { resolve, reject } = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error) reject(new Refusal(`The model can't be run (${error}). ${ADVICE}`))
      else resolve(answers)
    }
    worker.onerror = ({ message }) => {
      this.stop(new Refusal(`The model can't be started${message ? ` (${message})` : ''}. Load the page again.`))
    }
    return worker
  }
}

function pieceSize(nSupport, nFeatures) {
  const nRows = Math.floor(MOST_SCORES / (nSupport * (nFeatures + 1))) - nSupport
  return Math.max(FEWEST_ROWS, Math.min(MOST_ROWS, nRows))
}
