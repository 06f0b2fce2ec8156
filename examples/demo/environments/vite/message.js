export const message = 'Edit message.js, and see this sentence change without a reload.'
