// HL7 over MLLP (0x0B, the message, 0x1C 0x0D): one message, one acknowledgement.
import { connect } from "node:net";

/** Send a message; MSA-1 of what came back, such as AA. */
export function admit(port: number, message: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(`\x0b${message}\x1c\r`));
    let heard = "";
    socket.setTimeout(60_000, () => socket.destroy(new Error("no acknowledgement came")));
    socket.on("error", reject);
    socket.on("data", (data) => {
      heard += data.toString("utf8");
      if (!heard.includes("\x1c")) return;
      socket.end();
      const acknowledgement = heard.split("\r").find((segment) => segment.startsWith("MSA|")) ?? "";
      resolve(acknowledgement.split("|")[1] ?? "");
    });
  });
}
