/** What an upstream answers at `/`, and to a POST to `/post`, whose body it reads: 27 bytes. */
export const smallAnswer = 'Hello from the environment\n'

/** What it answers at `/100k`. */
export const largeAnswer = 'a'.repeat(100 * 1024)
