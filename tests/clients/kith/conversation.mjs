// A whole conversation through Microsoft's own client: node conversation.mjs URL json|messagepack [TRANSPORT]
// Says what it saw, a JSON object a line; crates/kith/tests/e2e/clients.rs judges it. conversation.py says the same.
import * as signalR from "@microsoft/signalr";
import { MessagePackHubProtocol } from "@microsoft/signalr-protocol-msgpack";

const [url, protocol, transport] = process.argv.slice(2);
const PATIENCE_MS = 60_000;

const say = (step, what) => console.log(JSON.stringify({ step, ...what }));

function within(promise, what) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what}: not within ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function post(path, body, token) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  return fetch(url + path, { method: "POST", headers, body: body && JSON.stringify(body) });
}

async function register(username) {
  const answer = await post("/api/auth/register", { username, password: "correct horse battery" });
  if (answer.status !== 200) throw new Error(`registering ${username}: ${answer.status} ${await answer.text()}`);
  const { user, device, accessToken } = await answer.json();
  return { id: user.id, device, token: accessToken };
}

class Client {
  #events = [];
  #waiting = [];

  static async connect(account) {
    const client = new Client();
    let builder = new signalR.HubConnectionBuilder()
      .withUrl(`${url}/hub`, {
        accessTokenFactory: () => account.token,
        ...(transport && { transport: signalR.HttpTransportType[transport] }),
      })
      .configureLogging(signalR.LogLevel.None);
    if (protocol === "messagepack") builder = builder.withHubProtocol(new MessagePackHubProtocol());
    client.hub = builder.build();
    for (const event of ["msg", "rcpt", "typ", "conv", "dev", "resync"]) {
      client.hub.on(event, (...values) => {
        client.#events.push({ event, values });
        client.#waiting.splice(0).forEach((look) => look());
      });
    }
    client.closed = new Promise((done) => client.hub.onclose((error) => done(error?.message ?? "")));
    await within(client.hub.start(), "connecting");
    return client;
  }

  call(target, ...values) {
    return within(this.hub.invoke(target, ...values), target);
  }

  fails(target, ...values) {
    return this.call(target, ...values).then(
      (result) => Promise.reject(new Error(`${target} did not fail: ${JSON.stringify(result)}`)),
      (error) => error.message,
    );
  }

  // Takes the first event of that name that fits; those before it are dropped.
  async next(event, fits = () => true) {
    const look = async () => {
      for (;;) {
        while (this.#events.length > 0) {
          const found = this.#events.shift();
          if (found.event === event && fits(...found.values)) return found.values;
        }
        await new Promise((done) => this.#waiting.push(done));
      }
    };
    return within(look(), `event ${event}`);
  }

  stream(target, ...values) {
    const items = [];
    const streaming = new Promise((done) => {
      this.hub.stream(target, ...values).subscribe({
        next: (item) => items.push(item),
        complete: () => done({ items }),
        error: (error) => done({ items, error: error.message }),
      });
    });
    return within(streaming, target);
  }

  stop() {
    return this.hub.stop();
  }
}

async function converse() {
  const accounts = {};
  for (const name of ["alice", "bob", "carol", "mallory"]) accounts[name] = await register(name);
  const { alice: aliceAccount, bob: bobAccount, carol: carolAccount, mallory: malloryAccount } = accounts;
  say("registered", { users: Object.fromEntries(Object.entries(accounts).map(([name, { id }]) => [name, id])) });
  const alice = await Client.connect(aliceAccount);
  let bob = await Client.connect(bobAccount);

  const direct = await alice.call("InitiateDirectChatSession", bobAccount.id);
  const [announced] = await bob.next("conv");
  const again = await bob.call("InitiateDirectChatSession", aliceAccount.id);
  say("direct", { id: direct, again, announced });

  const sent = await alice.call("SendMessage", direct, { id: "first", text: "Hello" });
  say("sent", { sent, received: await bob.next("msg") });
  say("repeated", { sent: await alice.call("SendMessage", direct, { id: "first", text: "Hello" }) });
  const plain = await alice.call("SendMessage", direct, "Grüße 😀");
  say("sent plain", { sent: plain, received: await bob.next("msg") });
  await bob.call("Acknowledge", direct, 2);
  say("delivered", { receipt: await alice.next("rcpt", (_, rows) => rows[0][1] === 2) });

  await bob.stop();
  for (let number = 1; number <= 5; number++) {
    await alice.call("SendMessage", direct, { id: `away-${number}`, text: `away ${number}` });
  }
  bob = await Client.connect(bobAccount);
  const missed = [];
  for (let more = true; more; ) {
    const page = await bob.call("ReadNewMessages", 2);
    missed.push(...page.messages);
    more = page.more;
    await bob.call("Acknowledge", direct, missed.at(-1).seq);
  }
  say("returned", { missed, then: await bob.call("ReadNewMessages") });

  await bob.call("MarkSeen", direct, 7);
  const receipt = await alice.next("rcpt", (_, rows) => rows[0][3] === 7);
  say("seen", { receipt, info: await alice.call("MessageInfo", direct, 7) });

  await bob.call("SetTyping", direct, true);
  say("typing", { typing: await alice.next("typ") });

  const carol = await Client.connect(carolAccount);
  const group = await alice.call("InitiateGroupChatSession", { name: "Trio", members: [bobAccount.id] });
  const [toBob] = await bob.next("conv");
  const added = await alice.call("AddUserToGroup", group, carolAccount.id);
  const [toCarol] = await carol.next("conv");
  await alice.call("SendMessage", group, { id: "to-all", text: "Hello, both" });
  const texts = (...values) => values[3].type === "text";
  const received = [await bob.next("msg", texts), await carol.next("msg", texts)];
  say("group", { id: group, announced: [toBob, toCarol], added, received, past: await carol.call("History", group) });

  say("history", { page: await bob.call("History", direct, { limit: 3 }), streamed: await bob.stream("StreamHistory", direct) });
  const mallory = await Client.connect(malloryAccount);
  say("refused", {
    errors: [
      await mallory.fails("SendMessage", direct, { id: "x", text: "let me in" }),
      await mallory.fails("History", group),
      (await mallory.stream("StreamHistory", direct)).error,
    ],
  });

  const { status } = await post("/api/auth/logout", undefined, bobAccount.token);
  const closed = await within(bob.closed, "the end of bob's connection");
  const refused = await Client.connect(bobAccount).then(() => "", (error) => error.message);
  say("logged out", { status, closed, refused });
}

try {
  await converse();
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(1);
}
