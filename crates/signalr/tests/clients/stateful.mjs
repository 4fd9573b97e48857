// Microsoft's own client over a network that is cut again and again: node stateful.mjs CLIENTS_FOLDER URL PROTOCOL CONTROL
// CONTROL is where the proxy takes commands. Nothing may be lost, repeated or out of order, and nobody may notice.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const [folder, url, protocol, control] = process.argv.slice(2);
const require = createRequire(path.join(folder, "package.json"));
const signalR = require("@microsoft/signalr");
const { MessagePackHubProtocol } = require("@microsoft/signalr-protocol-msgpack");

const CUTS = 25;
const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

let builder = new signalR.HubConnectionBuilder()
  .withUrl(url)
  .withStatefulReconnect()
  .configureLogging(signalR.LogLevel.None);
if (protocol === "messagepack") builder = builder.withHubProtocol(new MessagePackHubProtocol());
const connection = builder.build();
const fail = (what) => (error) => {
  console.error(what, error);
  process.exit(1);
};
connection.onreconnecting(fail("reconnecting"));
let stopping = false;
connection.onclose((error) => stopping || fail("closed")(error));
connection.on("Welcome", () => {});
const items = [];
connection.on("Item", (number) => items.push(number));
await connection.start();

const streamed = [];
connection.stream("InfiniteStream").subscribe({
  next: (item) => streamed.push(item),
  error: (error) => stopping || fail("the stream")(error),
});
const uploaded = [];
const upload = new signalR.Subject();
const concatenated = connection.invoke("StreamingConcat", upload);

let added = 0;
for (let cut = 0; cut < CUTS; cut += 1) {
  // Once this is answered, the socket is a whole one again.
  assert.equal(await connection.invoke("Add", cut, 1), cut + 1);
  const calls = [];
  const count = Math.floor(Math.random() * 30);
  for (let number = 0; number < count; number += 1) {
    calls.push(connection.invoke("Add", number, added).then((sum) => assert.equal(sum, number + added)));
    calls.push(connection.send("Push", 1 + (number % 3), 500));
    upload.next(String(number));
    uploaded.push(String(number));
  }
  await sleep(Math.random() * 20);
  await fetch(`${control}/cut`);
  await Promise.all(calls);
  added += count;
}
upload.complete();
assert.equal(await concatenated, uploaded.join(""));
await connection.invoke("Add", 1, 1);
// Each Push counts from 0: what came is as many as were asked for, in the order in which they were.
const runs = [];
for (const number of items) {
  if (number === 0) runs.push(0);
  assert.equal(number, runs[runs.length - 1]);
  runs[runs.length - 1] += 1;
}
assert.equal(runs.length, added);
assert.deepEqual(streamed, streamed.map((_, index) => String(index)));
stopping = true;
await connection.stop();
console.log(`passed: ${added} calls, ${items.length} events, ${streamed.length} items, ${CUTS} cuts`);
process.exit(0);
