// Readings of made-up sensors: the same seed gives the same rows. As a program it prints them as CSV:
//   node readings.mjs --devices 20 --each 6 --seed 1 > sample.csv
import fs from 'node:fs'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

export const COLUMNS = ['device', 'sequence', 'time', 'temperature', 'humidity', 'battery']

/** Where sensors hang: mean temperature, how far the day moves it, mean humidity. */
const PLACES = {
  'cold-store': [3.5, 0.8, 78],
  greenhouse: [24, 7, 71],
  kitchen: [21.5, 2.5, 48],
  cellar: [12, 1, 66],
  attic: [19, 6, 41],
  'server-room': [22.5, 0.6, 34],
  stable: [15, 4, 69],
  workshop: [18, 3.5, 45]
}
const DAY = 24 * 60
const START = Date.UTC(2026, 5, 1, 6, 0, 0)

/** Random numbers in [0, 1) from a seed (mulberry32). */
export function seeded (seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6D2B79F5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const round = (value, digits) => Number(value.toFixed(digits))

/** One sensor: a day's curve, a wandering error, a battery that runs down. A reading a minute. */
function sensor (number, seed) {
  const random = seeded(seed * 1000003 + number)
  const places = Object.keys(PLACES)
  const place = places[number % places.length]
  const [mean, swing, damp] = PLACES[place]
  const own = (random() - 0.5) * 2
  const phase = Math.floor(random() * 60)
  let [drift, battery] = [0, 60 + random() * 40]
  const device = `${place}-${String(number).padStart(4, '0')}`
  return sequence => {
    const minute = phase / 60 + sequence
    const sun = Math.sin((2 * Math.PI * (minute - 3 * 60)) / DAY)
    drift = drift * 0.97 + (random() - 0.5) * 0.4
    battery = Math.max(0, battery - random() * 0.01)
    const temperature = mean + own + swing * sun + drift
    const humidity = Math.min(99, Math.max(5, damp - 1.8 * (temperature - mean) + (random() - 0.5)))
    const time = new Date(START + sequence * 60000 + phase * 1000).toISOString().replace('.000', '')
    return {
      device, sequence, time, temperature: round(temperature, 2), humidity: round(humidity, 1), battery: round(battery, 1)
    }
  }
}

/** `each` readings of `devices` sensors, minute by minute. */
export function readings ({ devices, each, seed }) {
  const sensors = Array.from({ length: devices }, (_, i) => sensor(i + 1, seed))
  const rows = []
  for (let sequence = 0; sequence < each; sequence++) {
    for (const read of sensors) rows.push(read(sequence))
  }
  return rows
}

export const toCsv = rows => [COLUMNS, ...rows.map(row => COLUMNS.map(name => row[name]))].map(cells => cells.join(',') + '\n').join('')

/** The rows of a CSV file with the columns above. */
export function fromCsv (file) {
  const [head, ...lines] = fs.readFileSync(file, 'utf8').trim().split(/\r?\n/)
  if (head !== COLUMNS.join(',')) throw new Error(`${file}: the first line must be ${COLUMNS.join(',')}`)
  return lines.map(line => {
    const [device, sequence, time, ...values] = line.split(',')
    const [temperature, humidity, battery] = values.map(Number)
    return { device, sequence: Number(sequence), time, temperature, humidity, battery }
  })
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const text = { type: 'string' }
  const { values } = parseArgs({ options: { devices: text, each: text, seed: text } })
  const { devices = 20, each = 6, seed = 1 } = values
  process.stdout.write(toCsv(readings({ devices: Number(devices), each: Number(each), seed: Number(seed) })))
}
