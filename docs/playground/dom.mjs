// Elements of the page. Text of tables only ever becomes text nodes and values of attributes.

export const find = (id) => document.getElementById(id)

/** An element with properties, or attributes where there is no such property, and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value
    else element.setAttribute(name, value)
  }
  element.append(...children)
  return element
}

/** An element of SVG with attributes and children. */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/** A table with a caption; the first cell of each row is its header. */
export function makeTable(caption, names, rows, cellOf = (value) => make('td', {}, value)) {
  const head = make('tr', {}, ...names.map((name) => make('th', { scope: 'col' }, name)))
  const body = rows.map(([first, ...rest], i) => make('tr', {},
    make('th', { scope: 'row' }, first), ...rest.map((value, j) => cellOf(value, i, j))))
  const table = make('table', {}, make('caption', {}, caption), make('thead', {}, head), make('tbody', {}, ...body))
  return make('div', { className: 'wide', tabIndex: 0, role: 'region', ariaLabel: caption }, table)
}

/** Offers bytes or text as a file. */
export function save(name, content, type) {
  const url = URL.createObjectURL(new Blob([content], { type }))
  make('a', { href: url, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

/** The text of a file that the reader chose. */
export async function readFile(file, mostBytes) {
  if (file.size > mostBytes) throw new RangeError(`${file.name} has ${(file.size / 1e6).toFixed(1)} MB`)
  return new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer())
}

export const round = (value, digits = 3) => (value === null ? '–' : value.toFixed(digits))
export const brief = (value) => String(Number(value.toPrecision(5)))
