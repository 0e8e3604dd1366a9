// A text as a QR code.
import qrcode from "qrcode-generator";

export interface Code {
  getModuleCount(): number;
  isDark(row: number, column: number): boolean;
}

// The library takes the low byte of each character unless told otherwise.
qrcode.stringToBytes = (text: string) => [...new TextEncoder().encode(text)];

/** Nothing: the text is too large for one, which holds 2953 bytes. */
export function codeOf(text: string): Code | undefined {
  const code = qrcode(0, "L");
  try {
    code.addData(text, "Byte");
    code.make();
  } catch {
    return undefined;
  }
  return code;
}
