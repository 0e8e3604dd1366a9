// Parses an event stream (WHATWG HTML §9.2.6). Pure: pieces of text in, messages out.

export interface Message {
  id: string;
  type: string;
  data: string;
}

/** A longer message is an error, and the stream ends. */
export const longestMessage = 8 * 1024 * 1024;

export class StreamParser {
  private rest = "";
  private id = "";
  private type = "";
  private data: string[] = [];

  /** The last id received; send it back as Last-Event-ID. */
  get lastId(): string {
    return this.id;
  }

  constructor(lastId = "") {
    this.id = lastId;
  }

  push(text: string): Message[] {
    const messages: Message[] = [];
    this.rest += text;
    if (this.rest.length > longestMessage) throw new Error("the event stream has a line that is too long");
    // A CR at the end may be the first half of a CRLF; it waits for the next piece.
    const lines = this.rest.split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") this.finish(messages);
      else this.field(line);
    }
    return messages;
  }

  private field(line: string): void {
    if (line.startsWith(":")) return;
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.data.push(value);
    else if (name === "event") this.type = value;
    else if (name === "id" && !value.includes("\0")) this.id = value;
  }

  private finish(messages: Message[]): void {
    if (this.data.length > 0) messages.push({ id: this.id, type: this.type || "message", data: this.data.join("\n") });
    this.type = "";
    this.data = [];
  }
}
