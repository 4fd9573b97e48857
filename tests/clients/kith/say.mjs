// Joins a conversation from Node, in ten lines: node say.mjs URL USERNAME PASSWORD PEER TEXT
import * as signalR from "@microsoft/signalr";

const [url, username, password, peer, text] = process.argv.slice(2);
const headers = { "content-type": "application/json" };
const signedIn = await fetch(`${url}/api/auth/login`, { method: "POST", headers, body: JSON.stringify({ username, password }) });
const { accessToken } = await signedIn.json();
const hub = new signalR.HubConnectionBuilder().withUrl(`${url}/hub`, { accessTokenFactory: () => accessToken }).build();
await hub.start();
const conversation = await hub.invoke("InitiateDirectChatSession", (await hub.invoke("FindUser", peer)).id);
const { messages } = await hub.invoke("History", conversation);
for (const message of messages.reverse()) console.log(JSON.stringify({ text: message.body.text }));
await hub.invoke("SendMessage", conversation, text);
await hub.stop();
