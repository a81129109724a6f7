// Medplum's MLLP server: answers every message with its own acknowledgement and keeps nothing. Prints its port; ends with its standard input.
import { Hl7Server } from '@medplum/hl7';

const server = new Hl7Server((connection) => {
  connection.addEventListener('message', ({ message }) => {
    const kept = message.toString();
    if (kept.length > 0) {
      connection.send(message.buildAck());
    }
  });
});
await server.start(0);
console.log(server.server.address().port);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
