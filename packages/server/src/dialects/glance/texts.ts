import type { ErrorKind } from '@imageyard/core';

type Facts = Readonly<Record<string, unknown>>;

/** Glance's exact texts, by kind; a kind without one keeps the message of the thrower. */
const texts: Partial<Record<ErrorKind, (facts: Facts) => string | undefined>> = {
  'not-authorized': (facts) =>
    facts['operation'] === undefined
      ? undefined
      : `You are not authorized to complete ${String(facts['operation'])} action.`,
  'image-not-owned': () => 'You do not own this image',
  'image-public': () => 'You do not own this image',
  'image-not-found': (facts) => `No image found with ID ${String(facts['imageId'] ?? facts['id'] ?? '')}`,
  'image-protected': (facts) =>
    `Image ${String(facts['imageId'] ?? facts['id'])} is protected and cannot be deleted.`,
  'image-id-taken': (facts) => `Image ID ${String(facts['imageId'] ?? facts['id'])} already exists!`,
  'image-gone-during-upload': (facts) =>
    `Image ${String(facts['imageId'] ?? facts['id'])} could not be found after upload. The image may have been deleted during the upload, cleaning up the chunks uploaded.`,
  'image-wrong-state': (facts) =>
    facts['status'] === undefined
      ? undefined
      : `Image status transition from ${String(facts['status'])} to ${String(facts['wanted'] ?? 'saving')} is not allowed`,
  'image-attribute-read-only': (facts) => named(facts, (name) => `Attribute '${name}' is read-only.`),
  'image-attribute-reserved': (facts) => named(facts, (name) => `Attribute '${name}' is reserved.`),
  'image-attribute-absent': (facts) => named(facts, (name) => `Property ${name} does not exist.`),
  'image-attribute-present': (facts) => named(facts, (name) => `Property ${name} already present.`),
};

function named(facts: Facts, text: (name: string) => string): string | undefined {
  const name = facts['attribute'] ?? facts['name'];
  return name === undefined ? undefined : text(String(name));
}

/** Glance's text for a kind, or undefined when the thrower's message has to do. */
export function glanceText(kind: ErrorKind, facts: Facts): string | undefined {
  return texts[kind]?.(facts);
}
