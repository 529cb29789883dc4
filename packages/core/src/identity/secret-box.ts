import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { DomainError } from '../errors.ts';

/** Seals access-key secrets at rest; the key lives apart from the database. */
export interface SecretBox {
  /** @param name bound to the text: a sealed secret moved to another row does not open */
  seal(secret: string, name: string): string;
  /** @throws {DomainError} `internal` when the text was altered or sealed under another key */
  open(sealed: string, name: string): string;
}

const VERSION = 'v1';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * AES-256-GCM with a fresh nonce each time, text `v1.<base64url of nonce, ciphertext, tag>`.
 * @param key 32 bytes
 */
export function createSecretBox(key: Uint8Array): SecretBox {
  if (key.length !== 32) throw new RangeError(`the secret key has ${key.length} bytes, not 32`);
  return {
    seal(secret, name) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(name));
      const body = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
      return `${VERSION}.${Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64url')}`;
    },
    open(sealed, name) {
      try {
        const [version, text] = sealed.split('.');
        const bytes = Buffer.from(text ?? '', 'base64url');
        if (version !== VERSION || bytes.length < NONCE_BYTES + TAG_BYTES)
          throw new Error('not a sealed secret');
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), {
          authTagLength: TAG_BYTES,
        });
        decipher.setAAD(Buffer.from(name)).setAuthTag(bytes.subarray(-TAG_BYTES));
        const body = bytes.subarray(NONCE_BYTES, -TAG_BYTES);
        return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
      } catch (cause) {
        throw new DomainError(
          'internal',
          `the secret of access key ${name} does not open: it was altered, or sealed under another secret key; bring back the key file that belongs to this database`,
          { access: name },
          { cause },
        );
      }
    },
  };
}
