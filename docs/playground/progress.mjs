// How far a prediction is, and a button that ends it.

import { make } from './dom.mjs'
import { Stopped } from './engine.mjs'

export class Progress {
  constructor(container, engine) {
    this.bar = make('progress', { max: 1, value: 0, hidden: true, ariaLabel: 'Progress' })
    this.cancel = make('button', { type: 'button', hidden: true }, 'Cancel')
    this.status = make('span', { role: 'status' })
    this.cancel.addEventListener('click', () => engine.stop())
    container.append(this.bar, ' ', this.cancel, ' ', this.status)
  }

  /**
   * Runs a prediction of so many rows.
   *
   * @param {number} nRows
   * @param {function} action which gets a function to report the share that is done to
   * @returns what the action returns; undefined if it was cancelled
   */
  async show(nRows, action) {
    this.#toggle(true)
    this.bar.removeAttribute('value')
    this.status.textContent = 'Loading the model …'
    try {
      const result = await action((share) => {
        if (share) this.bar.value = share // until the first piece is done, there is nothing to tell
        this.status.textContent = `Predicting ${nRows} rows${share ? `: ${Math.round(100 * share)} %` : ' …'}`
      })
      this.status.textContent = 'Done.'
      return result
    } catch (error) {
      this.status.textContent = error instanceof Stopped ? 'Cancelled.' : ''
      if (error instanceof Stopped) return undefined
      throw error
    } finally {
      this.#toggle(false)
    }
  }

  get isRunning() {
    return !this.cancel.hidden
  }

  clear() {
    this.status.textContent = ''
  }

  #toggle(isRunning) {
    this.bar.hidden = this.cancel.hidden = !isRunning
  }
}
