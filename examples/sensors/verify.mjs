// What must hold of a run: nothing lost, nothing made up, each device's order kept.
//
// Two messages of a device may swap at a member of a group for two reasons only. The device sent the
// earlier one twice: then these are two messages, and another member may have got the first. Or
// another member was cut off before the earlier one was on its way: then it is handed to the next.

const key = ({ device, sequence }) => `${device} ${sequence}`
const SHOWN = 10

/**
 * Compares what the fleet sent (`{ device, sequence, sends, acknowledged }`) with what each receiver got
 * (`{ member, device, sequence, repeat }`, in its order). Gives counts, and what is `wrong` in words.
 * `cut` names the groups of which a member was cut off.
 */
export function verify (sent, receivers, cut) {
  const known = new Map(sent.map(reading => [key(reading), reading]))
  const result = {
    readings: sent.length,
    acknowledged: sent.filter(reading => reading.acknowledged).length,
    sent_again: sent.reduce((sum, reading) => sum + reading.sends - 1, 0),
    receivers: {},
    wrong: []
  }
  for (const [name, got] of Object.entries(receivers)) {
    const { wrong, ...counts } = look(known, got, cut.includes(name))
    result.receivers[name] = counts
    if (wrong.length) result.wrong.push(`${name}: ${wrong.length} wrong`, ...wrong.slice(0, SHOWN).map(text => `${name}: ${text}`))
  }
  if (result.acknowledged < result.readings) result.wrong.push('not everything was acknowledged')
  return result
}

function look (known, got, cut) {
  const wrong = []
  let handed_over = 0
  const competing = new Set(got.map(arrival => arrival.member)).size > 1
  // First deliveries of each reading, over all members: no more than the device sent it.
  const fresh = new Map()
  // The highest sequence of each device that each member has seen, and all it has seen.
  const [highest, seen, all] = [new Map(), new Set(), new Set()]
  for (const arrival of got) {
    const { member, device, sequence, repeat } = arrival
    const reading = known.get(key(arrival))
    if (!reading) {
      wrong.push(`${key(arrival)} was never sent`)
      continue
    }
    all.add(key(arrival))
    if (!repeat) fresh.set(key(arrival), (fresh.get(key(arrival)) || 0) + 1)
    const [own, line] = [`${member} ${key(arrival)}`, `${member} ${device}`]
    if (seen.has(own)) continue
    seen.add(own)
    const before = highest.get(line) ?? -1
    highest.set(line, Math.max(before, sequence))
    if (sequence > before || (competing && reading.sends > 1)) continue
    if (competing && cut) handed_over++
    else wrong.push(`${member} got ${key(arrival)} after ${before}`)
  }
  for (const [reading, { acknowledged }] of known) {
    if (acknowledged && !all.has(reading)) wrong.push(`${reading} was acknowledged and is missing`)
  }
  for (const [reading, times] of fresh) {
    const { sends } = known.get(reading)
    if (times > sends) wrong.push(`${reading} came ${times} times as new and was sent ${sends} times`)
  }
  return { got: got.length, different: all.size, repeats: got.length - all.size, handed_over, wrong }
}
