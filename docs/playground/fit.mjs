// From a table and a target to a model: one plain ensemble member of the Python package.
//
// A table is {names, rows}, rows of strings. A problem is {target, task, labels}: the place of the
// target, "classification" or "regression", and of the former the classes.

import { CLASSIFIER, REGRESSOR, makeGenerator, selectSupport, shuffle } from './client.mjs'
import { byCodePoint, isMissing, toNumber, understand } from './columns.mjs'
import { Refusal } from './refusal.mjs'

export const MOST_CLASSES = 10, MOST_COLUMNS = 100, FEWEST_ROWS = 8
const SEED = 42, HELD_OUT = 0.25, MOST_HELD_OUT = 500
const BOOLEANS = ['False', 'True']
const STEPS = 2 ** 14, NOISE = 2 ** -32 // see _encoding.py of the Python package

/** All that the page says of a table before anything is fitted: its columns. */
export function understandTable({ names, rows }) {
  return names.map((name, i) => understand(name, rows.map((row) => row[i])))
}

/** The task that a target suggests, and those that it allows, each null or a reason why not. */
export function suggestTask(column, values) {
  const isNumber = column.kind === 'number'
  const known = values.filter((value) => !isMissing(value))
  const numbers = () => known.map((value) => toNumber(column, value)).filter((value) => !Number.isNaN(value))
  const distinct = new Set(isNumber ? numbers() : known)
  const name = `“${column.name}”`
  const refuseClasses = () => {
    if (column.kind === 'date') return `${name} holds dates.`
    if (isNumber && ![...distinct].every(Number.isSafeInteger)) return `${name} holds fractions or huge numbers.`
    if (distinct.size < 2) return `${name} has fewer than two different values.`
    return distinct.size > MOST_CLASSES
      ? `${name} has ${distinct.size} different values; ${MOST_CLASSES} classes are the most.` : null
  }
  const refusals = {
    classification: refuseClasses(),
    regression: isNumber ? null : `${name} doesn't hold numbers.`,
  }
  const suggested = refusals.classification ? 'regression' : 'classification'
  return { suggested: refusals[suggested] ? null : suggested, refusals }
}

/** Rows whose target isn't missing, {known: places, unknown: how many others}. */
export function knownRows(rows, column, target) {
  const known = [...rows.keys()].filter((i) => {
    if (isMissing(rows[i][target])) return false
    return column.kind !== 'number' || !Number.isNaN(toNumber(column, rows[i][target]))
  })
  return { known, unknown: rows.length - known.length }
}

/** Training and held-out rows, a quarter of each class or of all rows. */
export function holdOut(known, rows, target, task) {
  const draw = makeGenerator(SEED)
  const groups = new Map()
  for (const i of known) {
    const key = task === 'classification' ? rows[i][target] : ''
    if (!groups.has(key)) groups.set(key, [])
    groups.get(key).push(i)
  }
  const held = [...groups.values()].flatMap((group) =>
    shuffle(group, draw).slice(0, Math.floor(group.length * HELD_OUT)))
  const isHeld = new Set(held)
  const training = known.filter((i) => !isHeld.has(i))
  return { training, held: shuffle(held, draw).slice(0, MOST_HELD_OUT).sort((a, b) => a - b) }
}

/**
 * Learns columns and classes, and picks the support.
 *
 * @param {object} table
 * @param {object[]} columns of `understandTable`
 * @param {object} problem {target, task, used, maxSupport}: the place of the target, the task, the
 *   places of the columns to use, and the most support rows
 * @param {number[]} places of the training rows, whose targets are known
 */
export function fit({ rows }, columns, { target, task, used, maxSupport }, places) {
  const training = places.map((i) => rows[i])
  if (training.length < 2) throw new Refusal('Fewer than two rows have a target.')
  const fitted = used.map((i) => learn(columns[i], i, training)).filter((column) => column.varies)
  if (!fitted.length) throw new Refusal('No column that is used has two different values.')
  if (fitted.length > MOST_COLUMNS) {
    throw new Refusal(`${fitted.length} columns are used. The page takes ${MOST_COLUMNS} at most.`)
  }
  const x = encode(fitted, training)
  const answers = task === 'classification'
    ? learnClasses(columns[target], training.map((row) => row[target]))
    : learnTargets(columns[target], training.map((row) => row[target]))
  const typeId = task === 'classification' ? CLASSIFIER : REGRESSOR
  const support = selectSupport(typeId, answers.y, maxSupport, SEED, { topUp: true })
  const model = {
    ...answers, typeId, task, columns: fitted, targetName: columns[target].name,
    nFeatures: fitted.length, params: { maxSupport, seed: SEED },
    x: new Float32Array(support.length * fitted.length), y: answers.y.constructor.from(support, (i) => answers.y[i]),
  }
  support.forEach((row, i) => {
    model.x.set(x.subarray(row * model.nFeatures, (row + 1) * model.nFeatures), i * model.nFeatures)
  })
  return model
}

/** Rows, of which each column knows its `place`, as numbers of the network, one after the other. */
export function encode(columns, rows) {
  const x = new Float32Array(rows.length * columns.length)
  rows.forEach((row, i) => columns.forEach((column, j) => {
    const value = toNumber(column, row[column.place], i + 1)
    x[i * columns.length + j] = (Number.isNaN(value) ? column.mean : value) - column.offset
  }))
  return x
}

/** A further table's columns at the places of its own; and how many of its categories are new. */
export function place(columns, { names, rows }) {
  const missing = columns.filter(({ name }) => !names.includes(name)).map(({ name }) => `“${name}”`)
  if (missing.length) throw new Refusal(`The table lacks ${missing.join(', ')}.`)
  const placed = columns.map((column) => ({ ...column, place: names.indexOf(column.name) }))
  const isUnseen = ({ codes, place: i }, row) => codes && !isMissing(row[i]) && !codes.has(row[i])
  const nUnseen = rows.reduce((sum, row) => sum + placed.filter((column) => isUnseen(column, row)).length, 0)
  return { placed, nUnseen }
}

/**
 * The network's probabilities or targets as answers: probabilities corrected for how often each
 * class is in the support, and the most probable class.
 */
export function restore(model, { probabilities, targets }) {
  if (model.task === 'regression') return targets.map((value) => ({ prediction: String(value), value }))
  const counts = model.classes.map((id) => model.y.reduce((sum, label) => sum + (label === id), 0))
  return probabilities.map((row) => {
    const weighed = row.map((p, k) => (p * model.prior[k] * model.y.length) / counts[k])
    const sum = weighed.reduce((a, b) => a + b)
    const found = weighed.map((p) => p / sum)
    return { prediction: model.names[found.indexOf(Math.max(...found))], probabilities: found }
  })
}

/** What a label in a table is called among a model's `names`. */
export function nameLabel(kind, text) {
  if (kind === 'number') return String(Number(text))
  return kind === 'boolean' ? BOOLEANS[toNumber({ kind }, text)] : text
}

function learn(column, at, rows) {
  const levels = column.kind === 'category'
    ? [...new Set(rows.map((row) => row[at]).filter((value) => !isMissing(value)))].sort(byCodePoint) : null
  const codes = levels && new Map(levels.map((level, code) => [level, code]))
  const fitted = { name: column.name, kind: column.kind, place: at, levels, codes }
  const values = Float64Array.from(rows, (row) => toNumber(fitted, row[at]))
  const present = values.filter((value) => !Number.isNaN(value))
  const mean = present.length ? present.reduce((a, b) => a + b) / present.length : 0
  const filled = present.length < values.length ? [...present, mean] : present
  const low = filled.reduce((a, b) => Math.min(a, b)), high = filled.reduce((a, b) => Math.max(a, b))
  return { ...fitted, mean, varies: low < high, offset: isCrowded(filled, low, high) ? mean : 0 }
}

/** Whether float32 would change the values, and has too few numbers for in their range. */
function isCrowded(values, low, high) {
  const largest = Math.max(-low, high)
  const step = 2 ** (Math.floor(Math.log2(largest)) - 23)
  const isFew = high - low < STEPS * step && high - low > NOISE * largest
  return isFew && values.some((value) => Math.fround(value) !== value)
}

/** Targets in float32, and the mean of all of them, also those that don't become support. */
function learnTargets(column, values) {
  const numbers = values.map((value) => toNumber(column, value))
  return { y: Float32Array.from(numbers), trainingMean: numbers.reduce((a, b) => a + b) / numbers.length }
}

/** Class ids of labels; and the classes, as ids, as strings, and as JSON for Python. */
function learnClasses(column, labels) {
  const isNumber = column.kind === 'number' || column.kind === 'boolean'
  const keys = isNumber ? labels.map((label) => toNumber(column, label)) : labels
  const values = [...new Set(keys)].sort(isNumber ? (a, b) => a - b : byCodePoint)
  if (values.length < 2) throw new Refusal('All training rows are of one class.')
  const ids = new Map(values.map((value, id) => [value, id]))
  const y = Int32Array.from(keys, (key) => ids.get(key))
  const names = values.map((value) => (column.kind === 'boolean' ? BOOLEANS[value] : String(value)))
  const prior = values.map((_, id) => y.reduce((sum, label) => sum + (label === id), 0) / y.length)
  return { y, names, prior, classes: values.map((_, id) => id), labels: values, labelKind: column.kind }
}
