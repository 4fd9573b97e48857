import { HubConnectionBuilder } from "@microsoft/signalr";
const [server, username, password, peer] = process.argv.slice(2);
const headers = { "content-type": "application/json" }, body = JSON.stringify({ username, password });
const { accessToken } = await (await fetch(`${server}/api/auth/login`, { method: "POST", headers, body })).json();
const hub = new HubConnectionBuilder().withUrl(`${server}/hub`, { accessTokenFactory: () => accessToken }).build();
hub.on("msg", (conversation, seq, sender, body) => console.log(seq, body.text));
await hub.start();
const conversation = await hub.invoke("InitiateDirectChatSession", (await hub.invoke("FindUser", peer)).id);
await hub.invoke("SendMessage", conversation, { id: crypto.randomUUID(), text: "Hello from Node" });
