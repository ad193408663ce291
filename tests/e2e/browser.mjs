// MQTT.js in headless Chromium: URL VERSION TOPIC COUNT. Prints `subscribed`, then what the page shows.
import fs from 'node:fs'
import http from 'node:http'
import { packageFile, require, within } from './harness.mjs'

const [url, version, topic, count] = process.argv.slice(2)
const files = {
  '/': ['text/html', fs.readFileSync(new URL('page.html', import.meta.url))],
  '/mqtt.min.js': ['text/javascript', fs.readFileSync(packageFile('mqtt', 'dist', 'mqtt.min.js'))]
}
const server = http.createServer((request, response) => {
  const [type, body] = files[new URL(request.url, 'http://x').pathname] || ['text/plain', '']
  response.setHeader('content-type', type)
  response.end(body)
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

const browser = await require('playwright-core').chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage']
})
let code = 0
try {
  const page = await browser.newPage()
  page.on('pageerror', e => console.error(e))
  page.on('console', message => console.error(message.text()))
  const asked = new URLSearchParams({ url, version, topic })
  await page.goto(`http://127.0.0.1:${server.address().port}/?${asked}`)
  await page.waitForFunction(() => /^(subscribed|error)/.test(document.getElementById('state').textContent))
  console.log(await page.textContent('#state'))
  await page.waitForFunction(n => document.querySelectorAll('#readings li').length >= n, Number(count))
  console.log(JSON.stringify(await page.locator('#readings li').allTextContents()))
} catch (e) {
  console.error(e)
  code = 1
}
await within(browser.close(), 'the browser closes').catch(console.error)
process.exit(code)
