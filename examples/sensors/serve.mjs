// Serves the page and MQTT.js, and nothing else, with a strict content security policy.
import fs from 'node:fs'
import http from 'node:http'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const here = file => new URL(file, import.meta.url)
const mqttjs = path.join(path.dirname(createRequire(import.meta.url).resolve('mqtt/package.json')), 'dist', 'mqtt.min.js')
const FILES = {
  '/': ['text/html', here('page.html')],
  '/page.css': ['text/css', here('page.css')],
  '/page.js': ['text/javascript', here('page.js')],
  '/node_modules/mqtt/dist/mqtt.min.js': ['text/javascript', mqttjs]
}
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src ws: wss:; base-uri 'none'; form-action 'none'"

/** A server of the page on `port` of this machine; 0: any free one. */
export async function serve (port) {
  const server = http.createServer((request, response) => {
    const found = FILES[new URL(request.url, 'http://page').pathname]
    if (!found) return response.writeHead(404).end()
    const headers = { 'content-type': `${found[0]}; charset=utf-8`, 'content-security-policy': POLICY, 'x-content-type-options': 'nosniff' }
    response.writeHead(200, headers).end(fs.readFileSync(found[1]))
  })
  await new Promise((resolve, reject) => server.on('error', reject).listen(port, '127.0.0.1', resolve))
  return server
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const server = await serve(Number(process.argv[2] ?? 8000))
  console.log(`open http://127.0.0.1:${server.address().port}/`)
}
