// What the columns of a table hold, by the rules of the Python package (its _columns.py).

import { Refusal } from './refusal.mjs'

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/
const CODE = /^[+-]?0\d/ // digits that name something, such as a postal code
const COMMA = /^[+-]?\d+,\d+$/
const INFINITE = /^[+-]?inf(inity)?$/i
const BOOLEANS = new Map([['True', 1], ['TRUE', 1], ['true', 1], ['False', 0], ['FALSE', 0], ['false', 0]])
const DATE = new RegExp(
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?/.source +
  /(?:(Z)|([+-])(\d\d):?(\d\d))?$/.source)

// What pandas.read_csv takes for missing; among numbers and dates, the second list counts, too.
const MISSING = new Set(['', '#N/A', '#N/A N/A', '#NA', '-1.#IND', '-1.#QNAN', '-NaN', '-nan', '1.#IND',
  '1.#QNAN', '<NA>', 'N/A', 'NA', 'NULL', 'NaN', 'None', 'n/a', 'nan', 'null'])
const MISSING_STRINGS = new Set(['', 'nan', 'na', 'n/a', 'null', 'none', '?'])

const LARGEST = (2 - 2 ** -23) * 2 ** 126 // half of float32's largest number
const MANY_VALUES = 20, MOST_DISTINCT = 0.9, TEXT_WORDS = 5, TEXT_LENGTH = 25

export const isMissing = (text) => MISSING.has(text)

/**
 * What a column holds: {name, kind, nMissing, levels, advice}, where kind is "number", "boolean",
 * "date", "category" or "empty", levels are the distinct values, ascending, of a category, and
 * advice is why the column should be left out, or null.
 *
 * @param {string} name
 * @param {string[]} values of all rows
 * @throws {Refusal} if it holds numbers that can't be read as such
 */
export function understand(name, values) {
  const present = values.filter((value) => !MISSING.has(value))
  const levels = [...new Set(present)]
  const known = { name, nMissing: values.length - present.length, levels: null, advice: null }
  const column = (kind, more) => ({ ...known, kind, ...more })
  if (!levels.length) return column('empty', { advice: 'It holds no values.' })
  if (levels.every((value) => BOOLEANS.has(value))) return column('boolean', constant(levels))

  const there = levels.filter((value) => !isMissingString(value))
  const nMissing = values.filter((value) => MISSING.has(value) || isMissingString(value)).length
  if (there.length && there.every(isNumber)) {
    refuse(name, there, (value) => Math.abs(Number(value)) > LARGEST,
      'is too large. Leave it empty, or change it')
    return column('number', { nMissing, ...constant(new Set(there.map(Number))) })
  }
  const isOrdinary = (value) => isNumber(value) || COMMA.test(value.trim()) || INFINITE.test(value.trim())
  if (there.every(isOrdinary)) {
    refuse(name, there, (value) => INFINITE.test(value.trim()), 'is not a number to compute with. Leave it empty')
    refuse(name, there, (value) => COMMA.test(value.trim()),
      'is a number with a decimal comma. Write all numbers with a decimal point')
  }
  if (there.length && there.every((value) => parseDate(value) !== null)) {
    return column('date', { nMissing, ...constant(there) })
  }
  return column('category', { levels: levels.sort(byCodePoint), advice: judge(present, levels) })
}

/**
 * A value of a column as a number: NaN where it is missing, or a category that is not a level.
 *
 * @param {object} column with its `codes`, a Map of levels to numbers, if it is a category
 * @param {string} value
 * @param {number} nRow which row it is of, for the error
 * @throws {Refusal} if it is of another kind
 */
export function toNumber({ name, kind, codes }, value, nRow = null) {
  if (MISSING.has(value) || (['number', 'date'].includes(kind) && isMissingString(value))) return NaN
  if (kind === 'category') return codes.get(value) ?? NaN
  const number = kind === 'boolean' ? BOOLEANS.get(value)
    : kind === 'date' ? parseDate(value)
      : NUMBER.test(value.trim()) ? Number(value) : null
  if (number == null || Math.abs(number) > LARGEST) {
    const expected = { number: 'a number such as 3.5', boolean: 'True or False', date: 'a date such as 2024-03-01' }
    const where = nRow ? ` in row ${nRow}` : ''
    throw new Refusal(`Column “${name}” needs ${expected[kind]}. Got “${shorten(value)}”${where}.`)
  }
  return number
}

/** Days since 1970 in UTC, with a fraction, of a date in ISO 8601; null if it is none. */
export function parseDate(text) {
  const match = DATE.exec(text.trim())
  if (!match) return null
  const [year, month, day, hours = 0, minutes = 0, seconds = 0] = match.slice(1, 7).map((v) => v && Number(v))
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  if (!exists || year < 1 || hours > 23 || minutes > 59 || seconds > 59) return null
  const shift = match[9] ? (match[9] === '+' ? -1 : 1) * (60 * Number(match[10]) + Number(match[11])) : 0
  const fraction = Number((match[7] ?? '').slice(0, 6).padEnd(6, '0'))
  const wholeSeconds = date.getTime() / 1000 + 3600 * hours + 60 * (minutes + shift) + seconds
  return (wholeSeconds * 1e6 + fraction) / 86_400_000_000
}

/** As Python sorts strings; JavaScript compares halves of the characters beyond U+FFFF. */
export function byCodePoint(a, b) {
  const [left, right] = [Array.from(a), Array.from(b)]
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = left[i].codePointAt() - right[i].codePointAt()
    if (difference) return difference
  }
  return left.length - right.length
}

export function shorten(value, length = 40) {
  return value.length > length ? `${value.slice(0, length)}…` : value
}

function isNumber(text) {
  return NUMBER.test(text.trim()) && !CODE.test(text.trim())
}

function isMissingString(text) {
  return MISSING_STRINGS.has(text.trim().toLowerCase())
}

function constant(values) {
  return { advice: (values.size ?? values.length) < 2 ? 'All values are the same.' : null }
}

function refuse(name, values, isWrong, what) {
  const example = values.find(isWrong)
  if (example !== undefined) throw new Refusal(`In column “${name}”, “${shorten(example)}” ${what}.`)
}

/** Why a column of categories says nothing about other rows. */
function judge(present, levels) {
  if (levels.length < 2) return 'All values are the same.'
  if (present.length < MANY_VALUES || 2 * levels.length <= present.length) return null
  const count = (size) => present.reduce((sum, value) => sum + size(value), 0)
  const nWords = count((value) => value.trim().split(/\s+/).length)
  if (nWords >= TEXT_WORDS * present.length && count((v) => v.length) >= TEXT_LENGTH * present.length) {
    return 'It looks like free text.'
  }
  if (levels.length > MOST_DISTINCT * present.length) return 'Nearly every row has a value of its own.'
  return null
}
