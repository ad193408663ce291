// Everything at once, and the proof: a fleet over failing lines, a shared group with a member whose line
// fails, one whose lines are good, a plain subscriber and, with --browser, the page in headless Chromium,
// both over failing lines. Each reading that a device knows to be delivered must have come to all of them,
// in its device's order (see verify.mjs). Progress goes to standard error; the result is a line of JSON
// on standard output; the exit code is 1 when anything is wrong.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { line, proxy } from './line.mjs'
import { seeded } from './readings.mjs'
import { serve } from './serve.mjs'
import { verify } from './verify.mjs'

const text = { type: 'string' }
const { values: asked } = parseArgs({
  options: {
    mqtt: { ...text, default: 'mqtt://127.0.0.1:1883' },
    ws: { ...text, default: 'ws://127.0.0.1:8083/mqtt' },
    root: { ...text, default: `check-${process.pid}` },
    devices: { ...text, default: '1000' },
    each: { ...text, default: '8' },
    every: { ...text, default: '0' },
    seed: { ...text, default: '1' },
    browser: { type: 'boolean', default: false },
    screenshot: text, // a PNG of the page when half of the readings are there
    within: { ...text, default: '60' } // seconds, for all of it
  }
})
const expect = Number(asked.devices) * Number(asked.each)
const started = Date.now()
const children = []
const count = { page_cuts: 0 }

/** Starts a program of this folder; `lines` fills with what it prints. */
function start (program, options) {
  const words = Object.entries({ url: asked.mqtt, root: asked.root, seed: asked.seed, ...options }).map(([name, value]) => `--${name}=${value}`)
  const child = spawn(process.execPath, [fileURLToPath(new URL(program, import.meta.url)), ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  const lines = []
  readline.createInterface(child.stdout).on('line', text => lines.push(JSON.parse(text)))
  const told = readline.createInterface(child.stderr).on('line', text => console.error(text))
  const subscribed = new Promise(resolve => told.on('line', text => text.endsWith(': subscribed') && resolve()))
  const ended = once(child, 'close').then(([code]) => {
    if (code !== 0) throw new Error(`${program} ended with ${code}`)
  })
  ended.catch(() => {}) // awaited below
  return { lines, ended, subscribed: Promise.race([subscribed, ended]) }
}

/** The page, live, in a browser of its own. */
async function openPage () {
  const { chromium } = await import('playwright-core')
  const random = seeded(Number(asked.seed) + 5)
  const failing = await proxy(line(new URL(asked.ws), {
    random, chance: 0.8, out: [1000, 40000], in: [8000, 300000], onCut: () => count.page_cuts++
  }))
  const site = await serve(0)
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage']
  })
  const page = await browser.newPage({ viewport: { width: 1100, height: 820 } })
  const errors = []
  page.on('pageerror', error => errors.push(String(error)))
  const target = Object.assign(new URL(asked.ws), { port: failing.address().port })
  const words = new URLSearchParams({ url: target.href, root: asked.root, id: `${asked.root}/page`, retry: 100, journal: '' })
  await page.goto(`http://127.0.0.1:${site.address().port}/?${words}`)
  await page.waitForFunction(() => document.getElementById('state').dataset.state === 'up')
  const until = n => page.waitForFunction(n => window.sensors.total.readings >= n, n, { polling: 200, timeout: 0 })
  return { browser, page, errors, until }
}

const programs = {}
let fleet, shown

async function run () {
  programs.workers = start('workers.mjs', { expect })
  programs.steady = start('workers.mjs', { name: 'steady', group: 'steady', flaky: 0, expect })
  programs.recorder = start('workers.mjs', { name: 'recorder', group: '', filter: `${asked.root}/#`, members: 1, version: 4, expect })
  const all = Object.values(programs)
  if (asked.browser) shown = await openPage()
  await Promise.all(all.map(program => program.subscribed))
  console.error(`check: all have subscribed after ${seconds()} s`)
  fleet = start('fleet.mjs', { devices: asked.devices, each: asked.each, every: asked.every })
  if (shown && asked.screenshot) {
    shown.until(expect / 2).then(() => shown.page.screenshot({ path: asked.screenshot })).catch(console.error)
  }
  await Promise.all([fleet, ...all].map(program => program.ended).concat(shown?.until(expect)))
  console.error(`check: all is there after ${seconds()} s`)
  if (shown?.errors.length) throw new Error('the page failed: ' + shown.errors[0])
}

/** Compares what was sent with what has come so far. */
async function compare () {
  const got = Object.fromEntries(Object.entries(programs).map(([name, { lines }]) => [name, lines]))
  if (shown) {
    const { journal, total } = await shown.page.evaluate(() => window.sensors)
    got.page = journal.map(([device, sequence, repeat]) => ({ member: 'page', device, sequence, repeat }))
    count.page = total
    await shown.browser.close()
  }
  return verify(fleet?.lines ?? [], got, ['workers'])
}

const seconds = () => ((Date.now() - started) / 1000).toFixed(1)
const late = new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error(`not done within ${asked.within} s`)), Number(asked.within) * 1000)
})
const failure = await Promise.race([run(), late]).then(() => [], error => [error.message])
const result = await compare().catch(error => ({ wrong: [error.message] }))
result.wrong.unshift(...failure)
for (const child of children) child.kill()
console.log(JSON.stringify({ ...result, ...count, seconds: Number(seconds()) }))
process.exit(result.wrong.length ? 1 : 0)
