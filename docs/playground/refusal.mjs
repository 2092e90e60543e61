/** An error whose message is for the reader of the page: what is wrong, and what to do. */
export class Refusal extends Error {}
