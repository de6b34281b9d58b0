/**
 * X25519 with a private key that a test chooses.
 *
 * @module
 */
import { deriveX25519, type Dh, fromHex, toHex } from "../../lib/wire/mod.ts";

/** X25519 with one private key, given as 32 bytes. */
export function fixedDh(secret: Uint8Array): Dh {
  return {
    async generate() {
      // PKCS #8 around the bytes (RFC 8410 §7).
      const pkcs8 = fromHex(`302e020100300506032b656e04220420${toHex(secret)}`);
      const key = await crypto.subtle.importKey("pkcs8", pkcs8, "X25519", false, ["deriveBits"]);
      const basePoint = new Uint8Array(32);
      basePoint[0] = 9;
      const publicKey = await deriveX25519(key, basePoint);
      return { publicKey, agree: (theirs) => deriveX25519(key, theirs) };
    },
  };
}
