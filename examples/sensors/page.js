// A live view of all sensors: a plain QoS 1 subscriber whose session waits for it while the line is down.
// What to ask for is in the address: ?url=ws://HOST:PORT/mqtt&root=sensors&id=NAME&retry=MS&journal
'use strict'

const ask = new URLSearchParams(location.search)
const root = ask.get('root') || 'sensors'
const url = ask.get('url') || `ws://${location.hostname || '127.0.0.1'}:8083/mqtt`
const at = id => document.getElementById(id)
const HISTORY = 24
const PAINT_MS = 250
const SECONDS = 60

/** This browser's name, so that its session is found again when the page is. */
function clientId () {
  const known = ask.get('id') || localStorage.getItem('sensors-page')
  const id = known || 'page-' + crypto.getRandomValues(new Uint32Array(2)).join('-')
  localStorage.setItem('sensors-page', id)
  return id
}

const total = { readings: 0, repeats: 0, disorder: 0, missing: 0, resumed: 0 }
const devices = new Map()
const perSecond = new Map()
/** For programs that look at this page: what came, in its order, if the address asks for it. */
window.sensors = { total, journal: ask.has('journal') ? [] : null }

/** A cell of `row`, for text. */
function cell (row, kind) {
  const made = row.insertCell()
  if (kind) made.className = kind
  return made
}

function spark (parent) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  const polyline = document.createElementNS('http://www.w3.org/2000/svg', 'polyline')
  svg.classList.add('spark')
  svg.setAttribute('viewBox', `0 0 ${HISTORY - 1} 20`)
  svg.setAttribute('preserveAspectRatio', 'none')
  svg.setAttribute('aria-hidden', 'true')
  svg.append(polyline)
  parent.append(svg)
  return polyline
}

/** One line of the table, and what is known of its device. */
class Device {
  constructor (name) {
    Object.assign(this, { name, last: -1, gaps: new Set(), history: [], reading: null })
    this.row = document.createElement('tr')
    cell(this.row).textContent = name
    this.temperature = cell(this.row, 'number')
    this.line = spark(cell(this.row))
    this.humidity = cell(this.row, 'number')
    const battery = cell(this.row)
    this.meter = document.createElement('meter')
    Object.assign(this.meter, { min: 0, max: 100, low: 20, high: 50, optimum: 100 })
    this.percent = document.createElement('span')
    battery.append(this.meter, this.percent)
    this.sequence = cell(this.row, 'number')
    this.time = cell(this.row, 'number')
  }

  /** Takes a reading in; counts what should not be. */
  take (reading) {
    const { sequence } = reading
    // No client has more than a few readings on their way, so a late 0 is a device that starts anew.
    if (this.reading === null || (sequence === 0 && this.last > 8)) {
      total.missing -= this.gaps.size
      this.gaps.clear()
      this.last = sequence - 1
    }
    if (sequence <= this.last) {
      if (!this.gaps.delete(sequence)) return void total.repeats++
      total.missing--
      total.disorder++
    }
    total.readings++
    if (sequence < this.last) return
    for (let gap = this.last + 1; gap < sequence; gap++) this.gaps.add(gap)
    total.missing += sequence - this.last - 1
    this.last = sequence
    this.reading = reading
    this.history.push(reading.temperature)
    if (this.history.length > HISTORY) this.history.shift()
  }

  paint () {
    const { temperature, humidity, battery, sequence, time } = this.reading
    this.temperature.textContent = temperature.toFixed(1) + ' °C'
    this.humidity.textContent = humidity.toFixed(0) + ' %'
    this.meter.value = battery
    this.percent.textContent = battery.toFixed(0) + ' %'
    this.sequence.textContent = String(sequence)
    this.time.textContent = String(time).slice(11, 19)
    const [low, high] = [Math.min(...this.history), Math.max(...this.history)]
    const scale = 16 / Math.max(high - low, 0.5)
    const from = HISTORY - this.history.length
    const points = this.history.map((value, i) => `${from + i},${(18 - (value - low) * scale).toFixed(1)}`)
    if (points.length === 1) points.unshift(points[0].replace(/^[^,]*/, from - 1))
    this.line.setAttribute('points', points.join(' '))
  }
}

/** The reading in a payload, or null where it is none. */
function parse (payload) {
  try {
    const { sequence, time, temperature, humidity, battery } = JSON.parse(new TextDecoder().decode(payload))
    const numbers = [sequence, temperature, humidity, battery]
    return numbers.every(Number.isFinite) ? { sequence, time, temperature, humidity, battery } : null
  } catch {
    return null
  }
}

/** Rows that are on the screen; the others are painted when they get there. */
const onScreen = new Set()
const watch = new IntersectionObserver(changes => {
  for (const { target, isIntersecting } of changes) {
    if (isIntersecting) onScreen.add(target)
    else onScreen.delete(target)
  }
})

const wanted = name => name.includes(at('filter').value.trim().toLowerCase())
const unpainted = new Set()

function onMessage (topic, payload, packet) {
  const match = topic.startsWith(root + '/') && topic.slice(root.length + 1).match(/^([^/]+)\/reading$/)
  const reading = match && parse(payload)
  if (!reading) return
  const name = match[1]
  if (!devices.has(name)) {
    devices.set(name, new Device(name))
    watch.observe(devices.get(name).row)
  }
  const device = devices.get(name)
  device.take(reading)
  unpainted.add(device)
  const second = Math.floor(Date.now() / 1000)
  perSecond.set(second, (perSecond.get(second) || 0) + 1)
  window.sensors.journal?.push([name, reading.sequence, packet.dup])
}

/** New devices go into the table by name. */
function place () {
  const names = [...devices.keys()].sort()
  at('rows').replaceChildren(...names.map(name => devices.get(name).row))
  filter()
}

function filter () {
  let shown = 0
  for (const [name, { row }] of devices) {
    row.hidden = !wanted(name)
    if (!row.hidden) shown++
  }
  at('shown').textContent = shown === devices.size ? `${shown} devices` : `${shown} of ${devices.size} devices`
}

function paintRate () {
  const canvas = at('rate')
  const ratio = window.devicePixelRatio || 1
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  canvas.width = width * ratio
  canvas.height = height * ratio
  const pen = canvas.getContext('2d')
  pen.scale(ratio, ratio)
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name)
  const now = Math.floor(Date.now() / 1000)
  for (const second of perSecond.keys()) if (second <= now - SECONDS) perSecond.delete(second)
  const peak = Math.max(0, ...perSecond.values())
  const step = width / SECONDS
  pen.fillStyle = colour('--line')
  pen.fillRect(0, height - 1, width, 1)
  pen.fillStyle = colour('--main')
  for (const [second, amount] of perSecond) {
    const tall = Math.max(2, (amount / peak) * (height - 6))
    pen.fillRect(width - (now - second + 1) * step + 1, height - tall, step - 2, tall)
  }
  at('peak').textContent = peak ? `highest ${peak.toLocaleString('en')}` : ''
}

let placed = 0
function paint () {
  for (const device of unpainted) {
    if (!onScreen.has(device.row)) continue
    device.paint()
    unpainted.delete(device)
  }
  if (placed !== devices.size) place()
  placed = devices.size
  at('devices').textContent = devices.size.toLocaleString('en')
  for (const name of ['readings', 'missing', 'disorder', 'repeats', 'resumed']) {
    at(name).textContent = total[name].toLocaleString('en')
  }
  for (const name of ['missing', 'disorder']) at(name).classList.toggle('bad', total[name] > 0)
  at('empty').hidden = devices.size > 0
  paintRate()
}

function state (name, text) {
  at('state').dataset.state = name
  at('state').textContent = text
}

at('where').textContent = `${root}/# at ${url}`
at('filter').addEventListener('input', filter)
setInterval(paint, PAINT_MS)

const client = mqtt.connect(url, {
  clientId: clientId(),
  clean: false,
  protocolVersion: 5,
  properties: { sessionExpiryInterval: 3600 },
  reconnectPeriod: Number(ask.get('retry')) || 1000,
  resubscribe: false, // done below, where the session is new
  timerVariant: 'native'
})
let subscribed = false
function subscribe () {
  client.subscribe(root + '/#', { qos: 1 }, error => {
    subscribed = !error
    if (subscribed) state('up', 'live')
    else if (error.packet) state('refused', 'refused: ' + error.message)
  })
}
client.on('message', onMessage)
client.on('connect', ({ sessionPresent }) => {
  if (sessionPresent) total.resumed++
  if (!sessionPresent || !subscribed) subscribe()
  else state('up', 'live')
})
client.on('close', () => state('waiting', 'connecting again'))
client.on('error', error => state('refused', error.message))
