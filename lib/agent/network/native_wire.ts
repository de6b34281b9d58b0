/** Binds sealed multicast to the native profile (`lib/wire/sealed.ts`). */
export const NATIVE_CONTEXT = "edge-agent native multicast";
