// A model of the page as a bundle that Python takes for one of its own: see _bundles/estimators.py
// of the package for its artifact, of which this writes format 4.

import { CLASSIFIER, write } from './client.mjs'

const FORMAT = 4

/**
 * @param {object} model of `fit`
 * @param {object} checkpoint {name, sha256}
 * @returns {Promise<Uint8Array>} a .wlrn bundle
 */
export function writeModel(model, checkpoint) {
  const { columns, nFeatures, typeId, params, y } = model
  const isClassifier = typeId === CLASSIFIER
  const x = model.x.map((value, i) => value + columns[i % nFeatures].offset)
  const shared = { typeId, params, nFeatures, onnxSha256: null, x }
  const labels = isClassifier && integers(model)
  const answers = labels
    ? { y: y.map((id) => labels[id]), classes: labels, names: labels }
    : { y, classes: model.classes, names: model.names }
  return write({ ...shared, ...answers }, {
    format: FORMAT,
    params: {
      n_estimators: 1, members: 'plain', max_support: params.maxSupport, random_state: params.seed,
      ...(isClassifier
        ? { support_sampling: 'balanced', prior_correction: true, softmax_temperature: 1 }
        : { target_transform: 'none' }),
    },
    seed: params.seed,
    checkpoint,
    ...describeColumns(model),
    views: [describeView(model)],
    levelMeans: null, indices: null, terms: [], functions: [],
    ...(isClassifier ? describeClasses(model) : describeTargets(model)),
  })
}

function describeColumns({ columns, x, y }) {
  const isDate = ({ kind }) => kind === 'date'
  const near = columns.flatMap(({ offset }, j) => (offset ? [j] : []))
  const rows = Array.from(y.keys())
  return {
    featureNames: columns.map(({ name }) => name),
    columns: columns.map(({ name }) => `column '${name}'`),
    levels: columns.map(({ levels }) => levels),
    dates: columns.some(isDate) ? columns.map((column) => (isDate(column) ? ['days'] : null)) : null,
    means: pack('<f8', columns.map(({ mean }) => mean)),
    offsets: near.length ? pack('<f8', columns.map(({ offset }) => offset)) : null,
    varying: pack('|b1', columns.map(() => 1)),
    nearSupport: near.length
      ? pack('<f4', rows.flatMap((i) => near.map((j) => x[i * columns.length + j])), [rows.length, near.length])
      : null,
  }
}

function describeView({ columns, classes }) {
  const target = classes ? { classes: pack('<i8', classes) } : { mirror: false }
  return {
    rows: null, columns: pack('<i8', columns.map((_, j) => j)), signs: pack('<f4', columns.map(() => 1)),
    derived: [], trend: null, vote: null, ...target,
  }
}

function describeClasses({ labels, labelKind, prior }) {
  const isText = typeof labels[0] === 'string'
  const packed = isText ? { dtype: 'object', labels } : pack(labelKind === 'boolean' ? '|b1' : '<i8', labels)
  return { labels: packed, prior: pack('<f8', prior), weights: null }
}

function describeTargets({ y }) {
  const targets = Array.from(y)
  const range = [targets.reduce((a, b) => Math.min(a, b)), targets.reduce((a, b) => Math.max(a, b))]
  const transform = { kind: 'none', values: pack('<f8', [0, 1]) }
  return { range: pack('<f8', range), targets: pack('<f8', targets), transform }
}

/** Labels that a bundle holds as they are, integers of 32 bits; else null. */
function integers({ labels }) {
  return labels.every((label) => label === (label | 0)) ? labels : null
}

/** Numbers as Python packs arrays: dtype, shape, and bytes in base64. */
function pack(dtype, values, shape = [values.length]) {
  const array = {
    '<f8': () => Float64Array.from(values),
    '<f4': () => Float32Array.from(values),
    '<i8': () => BigInt64Array.from(values, BigInt),
    '|b1': () => Uint8Array.from(values),
  }[dtype]()
  const characters = Array.from(new Uint8Array(array.buffer), (byte) => String.fromCharCode(byte))
  return { dtype, shape, data: btoa(characters.join('')) }
}
