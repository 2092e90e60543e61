// The page: a table, its columns, a score, and a model for new rows.

import { writeModel } from './bundle.mjs'
import { shorten } from './columns.mjs'
import { readCsv } from './csv.mjs'
import { find, make, readFile, save } from './dom.mjs'
import { Engine, Stopped } from './engine.mjs'
import { fit, FEWEST_ROWS, holdOut, knownRows, nameLabel, restore, suggestTask, understandTable } from './fit.mjs'
import { NewRows } from './newrows.mjs'
import { Picture } from './picture.mjs'
import { Progress } from './progress.mjs'
import { Refusal } from './refusal.mjs'
import { showClasses, showNumbers } from './results.mjs'
import { SAMPLES } from './samples.mjs'
import { scoreClasses, scoreNumbers } from './scores.mjs'

const MOST_BYTES = 20e6
const KINDS = { number: 'number', boolean: 'true or false', date: 'date', empty: 'nothing' }

const engine = new Engine()
const progress = new Progress(find('run-progress'), engine)
const newRows = new NewRows(engine, readTable, guard)
const picture = new Picture(engine, guard)
const about = fetch('about.json').then((response) => response.json())

let table = null, columns = [] // of the first section
let model = null // of all rows, once there is a score

// ---- 1. a table ----------------------------------------------------------------------------------

/** Runs something, and shows why it can't be done where it can't. */
async function guard(place, action) {
  find(place).textContent = ''
  try {
    return await action()
  } catch (error) {
    if (error instanceof Stopped) return undefined
    if (!(error instanceof Refusal)) console.error(error)
    find(place).textContent = error instanceof Refusal ? error.message : `This failed: ${error.message}`
    return undefined
  }
}

async function readTable(file) {
  let text
  try {
    text = await readFile(file, MOST_BYTES)
  } catch (error) {
    throw new Refusal(error instanceof RangeError
      ? `${error.message}. The page takes ${MOST_BYTES / 1e6} MB at most. Take fewer rows.`
      : `${file.name} can't be read as UTF-8 text. Save it as “CSV UTF-8”.`)
  }
  return readCsv(text)
}

function take(found) {
  const understood = understandTable(found)
  if (found.names.length < 2) throw new Refusal('The table has one column. It needs a target and at least one other.')
  table = found
  columns = understood
  showColumns()
}

find('file').addEventListener('change', ({ target }) => guard('table-error', async () => {
  if (target.files.length) take(await readTable(target.files[0]))
}))
for (const button of document.querySelectorAll('[data-sample]')) {
  button.addEventListener('click', () => guard('table-error', async () => {
    take(readCsv(await SAMPLES[button.dataset.sample]()))
  }))
}
for (const [type, isOver] of [['dragover', true], ['dragleave', false], ['drop', false]]) {
  document.addEventListener(type, (event) => {
    event.preventDefault() // or the browser would leave the page for the file
    find('drop').classList.toggle('over', isOver)
    const [file] = type === 'drop' ? event.dataTransfer.files : []
    if (file) guard('table-error', async () => take(await readTable(file)))
  })
}

// ---- 2. its columns ------------------------------------------------------------------------------

function showColumns() {
  find('columns-section').hidden = false
  find('target').replaceChildren(...table.names.map((name, i) => make('option', { value: String(i) }, name)))
  find('target').value = String(table.names.length - 1)
  find('columns').tBodies[0].replaceChildren(...columns.map((column, i) => make('tr', {},
    make('td', {}, make('input', {
      type: 'checkbox', value: String(i), checked: !column.advice, disabled: column.kind === 'empty',
      ariaLabel: `Use ${column.name}`,
    })),
    make('th', { scope: 'row' }, column.name),
    make('td', {}, describe(column)),
    make('td', { className: 'number' }, String(column.nMissing)),
    make('td', {}, shorten(table.rows.find((row) => row[i].trim())?.[i] ?? '')),
  )))
  changeTarget()
}

function describe({ kind, levels, advice }) {
  const words = KINDS[kind] ?? `category of ${levels.length} levels`
  return advice ? `${words}. ${advice}` : words
}

const targetPlace = () => Number(find('target').value)
const boxes = () => [...find('columns').querySelectorAll('input')]

function changeTarget() {
  const target = targetPlace()
  const { suggested, refusals } = suggestTask(columns[target], table.rows.map((row) => row[target]))
  for (const radio of find('problem').elements.task) {
    radio.disabled = Boolean(refusals[radio.value])
    radio.checked = radio.value === suggested
  }
  const { known, unknown } = knownRows(table.rows, columns[target], target)
  find('summary').textContent = `${table.rows.length} rows and ${table.names.length} columns. ` +
    (unknown ? `${unknown} rows have no “${columns[target].name}” and are left out.` : '')
  find('task-hint').textContent = suggested ? '' : Object.values(refusals).join(' ')
  for (const box of boxes()) box.hidden = Number(box.value) === target
  find('run').disabled = !suggested || known.length < FEWEST_ROWS
  if (suggested && known.length < FEWEST_ROWS) {
    find('task-hint').textContent = `Only ${known.length} rows have a target. The page needs ${FEWEST_ROWS} at least.`
  }
  reset()
}

/** Ends a run, if there is one, and hides what is no longer that of the table and columns chosen. */
function reset() {
  engine.stop()
  forget()
}

function forget() {
  model = null
  for (const id of ['score-section', 'new-section', 'keep-section']) find(id).hidden = true
  find('run-error').textContent = ''
  progress.clear()
}

find('target').addEventListener('change', changeTarget)
find('problem').addEventListener('change', ({ target }) => target.id !== 'target' && reset())
find('problem').addEventListener('submit', (event) => {
  event.preventDefault()
  if (!progress.isRunning) guard('run-error', run)
})

// ---- 3. a score, and what follows ----------------------------------------------------------------

async function run() {
  const { rows } = table
  const target = targetPlace(), task = find('problem').elements.task.value
  const used = boxes().filter((box) => box.checked && Number(box.value) !== target).map((box) => Number(box.value))
  const problem = { target, task, used, maxSupport: Number(find('most').value) }
  const { known } = knownRows(rows, columns[target], target)
  const { training, held } = holdOut(known, rows, target, task)
  if (!held.length) throw new Refusal('Every class has too few rows to hold one out. Each needs 4 at least.')
  forget()
  const trained = fit(table, columns, problem, training)
  const heldRows = held.map((i) => rows[i])
  const answers = await progress.show(held.length, (report) =>
    engine.predict(trained, trained.columns, heldRows, report))
  if (!answers) return
  const counts = { nHeld: held.length, nTraining: training.length, nSupport: trained.y.length }
  const truth = heldRows.map((row) => row[target])
  find('score').replaceChildren(...showScore(trained, restore(trained, answers), truth, counts))
  model = fit(table, columns, problem, known)
  for (const id of ['score-section', 'new-section', 'keep-section']) find(id).hidden = false
  newRows.start(model, rows[known[0]])
  find('score-heading').focus()
  await picture.start(model, table, columns, problem, known, (changed) => {
    model = changed
    newRows.use(model)
  })
}

function showScore({ task, names, prior, labelKind, trainingMean }, answers, truth, counts) {
  if (task === 'regression') {
    const values = truth.map(Number), predictions = answers.map(({ value }) => value)
    return showNumbers(scoreNumbers(values, predictions, trainingMean), values, predictions, counts)
  }
  const labels = truth.map((label) => nameLabel(labelKind, label))
  return showClasses(scoreClasses(labels, answers, names, prior), names, counts)
}

// ---- 5. the model --------------------------------------------------------------------------------

find('save-model').addEventListener('click', () => guard('new-error', async () => {
  const { checkpoints } = await about
  save('model.wlrn', await writeModel(model, checkpoints[model.task]), 'application/octet-stream')
}))

about.then(({ versions }) => {
  find('versions').textContent = Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')
})
