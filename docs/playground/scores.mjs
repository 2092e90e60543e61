// How good predictions are, beside what knows only the training targets.

const LEAST = 1e-15 // of a probability, for its logarithm

/**
 * @param {string[]} truth of the held-out rows
 * @param {object[]} answers {prediction, probabilities}
 * @param {string[]} names of the classes
 * @param {number[]} prior their shares of the training rows, which is the baseline
 * @returns {{accuracy, logLoss, baseline: {accuracy, logLoss}, confusion: number[][]}} confusion has
 *   a row for each true class and a column for each predicted one
 */
export function scoreClasses(truth, answers, names, prior) {
  const ids = truth.map((name) => names.indexOf(name))
  const largest = prior.indexOf(Math.max(...prior))
  const confusion = names.map(() => names.map(() => 0))
  ids.forEach((id, i) => { confusion[id][names.indexOf(answers[i].prediction)] += 1 })
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length
  const loss = (p) => -Math.log(Math.max(p, LEAST))
  return {
    accuracy: mean(ids.map((id, i) => Number(names[id] === answers[i].prediction))),
    logLoss: mean(ids.map((id, i) => loss(answers[i].probabilities[id]))),
    baseline: {
      accuracy: mean(ids.map((id) => Number(id === largest))),
      logLoss: mean(ids.map((id) => loss(prior[id]))),
    },
    confusion,
  }
}

/**
 * @param {number[]} truth of the held-out rows
 * @param {number[]} predictions
 * @param {number} trainingMean which is the baseline
 * @returns {{r2, error, baseline: {r2, error}}} R² (null if all true values are the same) and the mean
 *   absolute error
 */
export function scoreNumbers(truth, predictions, trainingMean) {
  const mean = truth.reduce((a, b) => a + b) / truth.length
  const total = truth.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const score = (guess) => ({
    r2: total ? 1 - truth.reduce((sum, value, i) => sum + (value - guess(i)) ** 2, 0) / total : null,
    error: truth.reduce((sum, value, i) => sum + Math.abs(value - guess(i)), 0) / truth.length,
  })
  return { ...score((i) => predictions[i]), baseline: score(() => trainingMean) }
}
