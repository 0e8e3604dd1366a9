// The key pair of a device, made in this browser: the appliance never has the private key.

export interface KeyPair {
  /** In base64, as WireGuard has them. */
  privateKey: string;
  publicKey: string;
}

/** What stands in a profile of the appliance where the private key belongs. */
export const placeholder = "REPLACE_WITH_THE_PRIVATE_KEY_OF_THIS_DEVICE";

/** Nothing: this browser cannot make such a pair. */
export async function newKeyPair(): Promise<KeyPair | undefined> {
  try {
    const pair = (await crypto.subtle.generateKey({ name: "X25519" }, true, ["deriveBits"])) as CryptoKeyPair;
    const jwk = await crypto.subtle.exportKey("jwk", pair.privateKey);
    if (jwk.d === undefined || jwk.x === undefined) return undefined;
    return { privateKey: base64Of(jwk.d), publicKey: base64Of(jwk.x) };
  } catch {
    return undefined;
  }
}

/** From base64url, which has no padding. */
export function base64Of(text: string): string {
  const plain = text.replaceAll("-", "+").replaceAll("_", "/");
  return plain + "=".repeat((4 - (plain.length % 4)) % 4);
}

/** The profile with the key in its place. */
export function profileOf(profile: string, privateKey: string): string {
  return profile.replaceAll(placeholder, privateKey);
}
