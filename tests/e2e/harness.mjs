// What the JavaScript tests share: the packages, deadlines, and the report that pytest reads.
import { createRequire } from 'node:module'
import path from 'node:path'

const folder = process.env.E2E_NODE
export const require = createRequire(path.join(folder, 'package.json'))
export const packageFile = (...parts) => path.join(folder, 'node_modules', ...parts)

export const unique = what => `${what}-${Math.random().toString(16).slice(2, 14)}`

/** The promise, or a failure that says what did not come in time. */
export function within (promise, what, ms = 15000) {
  let timer
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** Runs the cases one after the other; prints a line of JSON for each. */
export async function report (cases) {
  for (const [name, run] of Object.entries(cases)) {
    let error = null
    try {
      await run()
    } catch (e) {
      error = String(e.stack || e)
    }
    console.log(JSON.stringify({ name, error }))
  }
  process.exit(0)
}
