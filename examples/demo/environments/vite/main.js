import { message } from './message.js'

const paragraph = document.querySelector('#message')
const button = document.querySelector('#count')

if (paragraph) paragraph.textContent = message

button?.addEventListener('click', () => {
  button.textContent = String(Number(button.textContent) + 1)
})

import.meta.hot?.accept('./message.js', (changed) => {
  if (paragraph) paragraph.textContent = changed?.['message']
})
