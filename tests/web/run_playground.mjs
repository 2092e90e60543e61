// Carries out jobs with the playground's modules in Node.js: those of standard input, as JSON.
//
// A job has a csv, and maybe a second one, as `read`, to read and write again; as `dates`, strings
// to parse; as `cells`, strings to make safe for spreadsheets; or a problem:
// {csv, target, task, maxSupport, query, onnx, save}, where the model of all rows predicts the
// query, another CSV, and is saved as a bundle.
import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import ort from 'onnxruntime-node'
import { writeModel } from '../../docs/playground/bundle.mjs'
import { predict } from '../../docs/playground/client.mjs'
import { parseDate } from '../../docs/playground/columns.mjs'
import { neutralise, readCsv, writeCsv } from '../../docs/playground/csv.mjs'
import { encode, fit, knownRows, place, restore, understandTable } from '../../docs/playground/fit.mjs'
import { Refusal } from '../../docs/playground/refusal.mjs'

async function runJob({ read, dates, cells, csv, task, target, maxSupport = 512, query, onnx, checkpoint, save }) {
  if (dates) return { days: dates.map(parseDate) }
  if (cells) return { cells: cells.map(neutralise) }
  if (read !== undefined) {
    const { names, rows } = readCsv(read)
    return { names, rows, written: writeCsv(names, rows) }
  }
  const table = readCsv(csv), columns = understandTable(table)
  if (!task) return { columns }
  const at = table.names.indexOf(target)
  const used = columns.flatMap(({ advice }, i) => (i === at || advice ? [] : [i]))
  const { known } = knownRows(table.rows, columns[at], at)
  const model = fit(table, columns, { target: at, task, used, maxSupport }, known)
  const result = { columns, x: Array.from(model.x), y: Array.from(model.y), used: model.columns.map(({ name }) => name) }
  if (save) await writeFile(save, await writeModel(model, checkpoint))
  if (!query) return result
  const second = readCsv(query), { placed, nUnseen } = place(model.columns, second)
  const x = encode(placed, second.rows)
  const outputs = await predict(ort, await ort.InferenceSession.create(await readFile(onnx)), model, x)
  return { ...result, nUnseen, answers: restore(model, outputs), names: model.names }
}

const results = []
for (const job of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    results.push(await runJob(job))
  } catch (error) {
    results.push({ error: error instanceof Refusal ? error.message : String(error) })
  }
}
console.log(JSON.stringify(results))
