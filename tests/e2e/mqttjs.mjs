// MQTT.js in Node: URL VERSION; prints a line of JSON for each case.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { report, require, unique, within } from './harness.mjs'

const mqtt = require('mqtt')
const [url, version] = [process.argv[2], Number(process.argv[3])]

async function client (options = {}) {
  const protocol = version === 3 ? { protocolId: 'MQIsdp' } : {}
  const c = await within(mqtt.connectAsync(url, {
    protocolVersion: version, reconnectPeriod: 0, clientId: unique('js').slice(0, 20), ...protocol, ...options
  }), 'CONNACK')
  c.got = []
  c.on('message', (topic, payload, packet) => {
    c.got.push({ topic, payload, text: payload.toString(), packet })
    c.emit('got')
  })
  return c
}

async function take (c, count) {
  while (c.got.length < count) await within(once(c, 'got'), `message ${c.got.length + 1} of ${count}`)
  return c.got.splice(0, count)
}

const done = (...clients) => Promise.all(clients.map(c => within(c.endAsync(), 'end')))

const cases = {}
for (const qos of [0, 1, 2]) {
  cases[`round trip at qos ${qos}`] = async () => {
    const [c, topic] = [await client(), unique('js')]
    const [granted] = await within(c.subscribeAsync(topic + '/+', { qos }), 'SUBACK')
    assert.equal(granted.qos, qos)
    const sent = [...Array(15).keys()].map(i => [`${topic}/${i}`, i * 2000])
    await within(Promise.all(sent.map(([t, n]) => c.publishAsync(t, Buffer.alloc(n, 7), { qos }))), 'PUBACKs')
    const got = await take(c, sent.length)
    assert.deepEqual(got.map(m => [m.topic, m.payload.length]), sent)
    assert(got.every(m => m.packet.qos === qos))
    await done(c)
  }
}

cases.retained = async () => {
  const [a, b, topic] = [await client(), await client(), unique('js')]
  await a.publishAsync(topic, 'kept', { qos: 1, retain: true })
  await b.subscribeAsync(topic, { qos: 1 })
  const [m] = await take(b, 1)
  assert.deepEqual([m.text, m.packet.retain], ['kept', true])
  await a.publishAsync(topic, '', { qos: 1, retain: true })
  await done(a, b)
}

cases.will = async () => {
  const [watch, topic] = [await client(), unique('js')]
  await watch.subscribeAsync(topic, { qos: 1 })
  const lost = await client({ will: { topic, payload: 'gone', qos: 1, retain: false } })
  lost.stream.destroy()
  assert.equal((await take(watch, 1))[0].text, 'gone')
  await done(watch)
}

cases['a session waits'] = async () => {
  const [a, topic] = [await client(), unique('js')]
  const options = { clean: false, clientId: unique('js').slice(0, 20) }
  if (version === 5) options.properties = { sessionExpiryInterval: 600 }
  const first = await client(options)
  await first.subscribeAsync(topic, { qos: 2 })
  await done(first)
  for (let i = 0; i < 10; i++) await a.publishAsync(topic, String(i), { qos: 1 + i % 2 })
  const again = mqtt.connect(url, { ...a.options, ...options, reconnectPeriod: 0 })
  again.got = []
  again.on('message', (t, payload, packet) => { again.got.push({ text: payload.toString(), packet }); again.emit('got') })
  const got = await take(again, 10)
  assert.deepEqual(got.filter(m => m.packet.qos === 1).map(m => m.text), ['0', '2', '4', '6', '8'])
  assert.deepEqual(got.filter(m => m.packet.qos === 2).map(m => m.text), ['1', '3', '5', '7', '9'])
  await done(a, again)
}

if (version === 5) {
  cases.properties = async () => {
    const [c, topic] = [await client(), unique('js')]
    await c.subscribeAsync(topic, { qos: 1, properties: { subscriptionIdentifier: 3 } })
    const properties = {
      payloadFormatIndicator: true, contentType: 'text/plain', responseTopic: topic + '/r',
      correlationData: Buffer.from([1, 2, 255]), userProperties: { a: ['1', '2'], b: 'x' }
    }
    await c.publishAsync(topic, 'x', { qos: 1, properties })
    const { subscriptionIdentifier, ...got } = (await take(c, 1))[0].packet.properties
    assert.equal(subscriptionIdentifier, 3)
    assert.deepEqual({ ...got, userProperties: { ...got.userProperties } }, properties)
    await done(c)
  }

  cases['topic aliases both ways'] = async () => {
    const a = await client({ autoAssignTopicAlias: true })
    const b = await client({ properties: { topicAliasMaximum: 2 } })
    const topic = unique('js')
    await b.subscribeAsync(topic + '/#', { qos: 1 })
    const sent = [...Array(40).keys()].map(i => `${topic}/${i % 5}`)
    for (const t of sent) await within(a.publishAsync(t, t, { qos: 1 }), 'PUBACK')
    const got = await take(b, sent.length)
    assert.deepEqual(got.map(m => m.topic), sent)
    assert.deepEqual(got.map(m => m.text), sent)
    await done(a, b)
  }
}

await report(cases)
