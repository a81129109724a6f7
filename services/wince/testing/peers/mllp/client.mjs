// Medplum's MLLP client: sends messages (JSON on standard input) on one connection and prints what was answered, as JSON.
// { host, port, messages, ahead, tls?: { ca, cert, key, servername } }
import { Hl7Message } from '@medplum/core';
import { Hl7Connection } from '@medplum/hl7';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';

const wanted = JSON.parse(readFileSync(0, 'utf8'));
const { host, port, ahead } = wanted;

function connected() {
  return new Promise((resolve, reject) => {
    const files = wanted.tls && Object.fromEntries(['ca', 'cert', 'key'].filter((name) => wanted.tls[name]).map((name) => [name, readFileSync(wanted.tls[name])]));
    const socket = files
      ? tls.connect({ host, port, ...files, servername: wanted.tls.servername }, () => resolve(socket))
      : net.connect({ host, port }, () => resolve(socket));
    socket.once('error', reject);
  });
}

const socket = await connected();
socket.setNoDelay(true);
const connection = new Hl7Connection(socket, 'utf-8');
const messages = wanted.messages.map((text) => Hl7Message.parse(text));
const answers = new Array(messages.length);
let next = 0;

async function send() {
  while (next < messages.length) {
    const at = next++;
    const answer = await connection.sendAndWait(messages[at], { timeoutMs: 120000 });
    const msa = answer.getSegment('MSA');
    answers[at] = [msa.getField(1).toString(), msa.getField(2).toString()];
  }
}

const began = performance.now();
await Promise.all(Array.from({ length: Math.min(ahead, messages.length) }, send));
const seconds = (performance.now() - began) / 1000;
console.log(JSON.stringify({ answers, seconds }));
process.exit(0);
