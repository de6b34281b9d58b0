/**
 * What the corpus files of `lib/wire` were made with.
 *
 * @module
 */

/** The network key of the sealed blocks in the corpus. It protects nothing. */
export const CORPUS_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/** Their context. */
export const CORPUS_CONTEXT = "fuzz";
