// How well held-out rows were predicted, as elements.

import { brief, draw, make, makeTable, round } from './dom.mjs'

const SIZE = 320, MARGIN = 44

/** Accuracy and log loss beside the baseline, and the confusion matrix. */
export function showClasses({ accuracy, logLoss, baseline, confusion }, names, { nHeld, nTraining, nSupport }) {
  const percent = (share) => `${(100 * share).toFixed(1)} %`
  const caption = `${nHeld} held-out rows; ${nTraining} rows for training, of which the model read ${nSupport}`
  const scores = makeTable(caption, ['predictions of', 'accuracy', 'log loss'], [
    ['this model', percent(accuracy), round(logLoss)],
    ['the most frequent class', percent(baseline.accuracy), round(baseline.logLoss)],
  ], numberCell)
  const matrix = makeTable('Confusion matrix', ['true \\ predicted', ...names],
    names.map((name, i) => [name, ...confusion[i].map(String)]),
    (value, i, j) => make('td', { className: i === j ? 'number right' : 'number' }, value))
  return [scores, make('h3', {}, 'Which classes are mistaken for which'), matrix]
}

/** R² and the mean absolute error beside the baseline, and a scatter plot. */
export function showNumbers({ r2, error, baseline }, truth, predictions, { nHeld, nTraining, nSupport }) {
  const caption = `${nHeld} held-out rows; ${nTraining} rows for training, of which the model read ${nSupport}`
  const scores = makeTable(caption, ['predictions of', 'R²', 'mean absolute error'], [
    ['this model', round(r2), brief(error)],
    ['the mean', round(baseline.r2), brief(baseline.error)],
  ], numberCell)
  return [scores, make('h3', {}, 'Predictions beside true values'), drawScatter(truth, predictions, round(r2))]
}

function numberCell(value) {
  return make('td', { className: 'number' }, value)
}

function drawScatter(truth, predictions, r2) {
  const all = [...truth, ...predictions]
  const low = all.reduce((a, b) => Math.min(a, b)), high = all.reduce((a, b) => Math.max(a, b))
  const scale = (value) => MARGIN + ((value - low) / (high - low || 1)) * (SIZE - 2 * MARGIN)
  const at = (x, y) => [scale(x), SIZE - scale(y)]
  const line = (className, [x1, y1], [x2, y2]) => draw('line', { class: className, x1, y1, x2, y2 })
  const label = (text, x, y, anchor, more = {}) => draw('text', { x, y, 'text-anchor': anchor, ...more }, text)
  const [left, bottom] = at(low, low), [right, top] = at(high, high), middle = SIZE / 2
  return draw('svg', {
    viewBox: `0 0 ${SIZE} ${SIZE}`, role: 'img',
    'aria-label': `Scatter plot of ${truth.length} predictions against true values, R² ${r2}.`,
  },
  line('axis', [left, bottom], [right, bottom]), line('axis', [left, bottom], [left, top]),
  line('ideal', [left, bottom], [right, top]),
  ...truth.map((value, i) => {
    const [cx, cy] = at(value, predictions[i])
    return draw('circle', { cx, cy, r: 3 })
  }),
  label(brief(low), left, bottom + 16, 'middle'), label(brief(high), right, bottom + 16, 'middle'),
  label(brief(low), left - 6, bottom, 'end'), label(brief(high), left - 6, top + 4, 'end'),
  label('true value', middle, SIZE - 8, 'middle'),
  label('predicted', 12, middle, 'middle', { transform: `rotate(-90 12 ${middle})` }))
}
