// Medplum's MLLP server: answers every message with its own acknowledgement and keeps nothing. Prints its port; ends with its standard input.
// With --print it also prints each message as it understood it, one line of JSON each: control id, OBR-3, and the first OBX's value and status.
import { Hl7Server } from '@medplum/hl7';

const print = process.argv.includes('--print');
const server = new Hl7Server((connection) => {
  connection.addEventListener('message', ({ message }) => {
    const kept = message.toString();
    if (print) {
      const field = (segment, number) => message.getSegment(segment)?.getField(number)?.getComponent(1) ?? '';
      const said = { id: field('MSH', 10), order: field('OBR', 3), value: field('OBX', 5), status: field('OBX', 11) };
      console.log(JSON.stringify({ ...said, patient: field('PID', 3), note: field('NTE', 3) }));
    }
    if (kept.length > 0) {
      connection.send(message.buildAck());
    }
  });
});
await server.start(0);
console.log(server.server.address().port);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
