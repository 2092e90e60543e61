// CSV text ↔ rows of strings.

import { Refusal } from './refusal.mjs'

const DELIMITERS = [',', ';', '\t']
// What spreadsheets run as a formula, and what of it are numbers.
const FORMULA = /^[=+\-@\t\r\n]/, NUMBER = /^[+-]?[\d.,]+(e[+-]?\d+)?$/i

/**
 * Reads a table with a header. The delimiter is the comma, semicolon or tab that the first line has
 * most of.
 *
 * @param {string} text
 * @returns {{names: string[], rows: string[][]}} each row with a value for each name
 * @throws {Refusal} if it is no such table
 */
export function readCsv(text) {
  const content = text.replace(/^\uFEFF/, '')
  const records = readRecords(content, findDelimiter(content))
  if (records.length < 2) throw new Refusal('The file needs a line of column names, and rows below it.')
  const [header, ...rows] = records
  const names = header.cells.map((name, i) => name.trim() || `Unnamed: ${i}`) // pandas' name for it
  for (const { cells, line } of rows) {
    if (cells.length !== names.length) {
      throw new Refusal(`Line ${line} has ${cells.length} values. The first line has ${names.length} ` +
        'column names. Put values that hold a comma in double quotes.')
    }
  }
  const repeated = names.find((name, i) => names.indexOf(name) < i)
  if (repeated !== undefined) throw new Refusal(`Two columns are called “${repeated}”. Rename one.`)
  if (names.every((name) => Number.isFinite(Number(name)))) {
    throw new Refusal(`The first line must hold column names. Got “${names[0]}”. Add a line of names.`)
  }
  return { names, rows: rows.map(({ cells }) => cells) }
}

/** A table as CSV text. */
export function writeCsv(names, rows) {
  const quote = (value) => (/[",\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)
  return [names, ...rows].map((row) => `${row.map((v) => quote(String(v))).join(',')}\n`).join('')
}

/** A value for a file that a spreadsheet may open: text that it would run gets an apostrophe in front. */
export function neutralise(value) {
  return FORMULA.test(value) && !NUMBER.test(value) ? `'${value}` : value
}

function findDelimiter(content) {
  const line = content.replace(/"[^"]*"/g, '').split(/[\r\n]/, 1)[0]
  const counts = DELIMITERS.map((delimiter) => line.split(delimiter).length)
  return DELIMITERS[counts.indexOf(Math.max(...counts))]
}

/** Lines that are not empty, each {cells, line}, where line is the number of its first one. */
function readRecords(text, delimiter) {
  const records = []
  let cells = [], at = 0, line = 1, start = 1
  const end = (cell) => {
    cells.push(cell)
    if (cells.length > 1 || cell) records.push({ cells, line: start })
    cells = []
    start = line
  }
  const plain = delimiter === '\t' ? /[\t\r\n]/g : new RegExp(`[${delimiter}\r\n]`, 'g')
  while (at < text.length || cells.length) {
    let cell
    if (text[at] === '"') {
      ;[cell, at] = readQuoted(text, at, line)
      line += cell.split('\n').length - 1
    } else {
      plain.lastIndex = at
      const stop = plain.exec(text)?.index ?? text.length
      cell = text.slice(at, stop)
      at = stop
    }
    if (text[at] === delimiter) {
      cells.push(cell)
      at += 1
    } else {
      if (at < text.length && !'\r\n'.includes(text[at])) {
        throw new Refusal(`In line ${line}, something follows a closing quote: ` +
          `“${text.slice(at, at + 20)}”. Write a quote inside a value twice.`)
      }
      at += text.startsWith('\r\n', at) ? 2 : 1
      line += 1
      end(cell)
    }
  }
  return records
}

/** The value between quotes, and where the text goes on. */
function readQuoted(text, at, line) {
  let cell = ''
  for (let from = at + 1; ;) {
    const close = text.indexOf('"', from)
    if (close < 0) throw new Refusal(`The quote that starts in line ${line} is never closed.`)
    cell += text.slice(from, close)
    if (text[close + 1] !== '"') return [cell, close + 1]
    cell += '"'
    from = close + 2
  }
}
