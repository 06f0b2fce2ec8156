import { describe, expect, it } from 'vitest'
import { isLive, mayBecome, type State, transitions } from './state.js'

// As the design has it, word by word.
const table = `
  stopped → queued
  queued → starting | stopped
  starting → ready | stopping | failed
  ready → unready | suspending | stopping | failed
  unready → ready | stopping | failed
  suspending → suspended | ready | failed
  suspended → resuming | stopping | failed
  resuming → ready | stopping | failed
  stopping → stopped | failed
  failed → queued | stopped
`

describe('the transition table', () => {
  const lines = table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(' → ') as [State, string])

  it('has each state of the design and no other', () => {
    expect(Object.keys(transitions).sort()).toEqual(lines.map(([from]) => from).sort())
  })

  it.each(lines)('from %s to %s, and nowhere else', (from, to) => {
    const states = Object.keys(transitions) as State[]
    expect(states.filter((state) => mayBecome(from, state)).sort()).toEqual(to.split(' | ').sort())
  })

  it('never takes stopping back', () => {
    expect(mayBecome('stopping', 'ready')).toBe(false)
  })

  it('knows in which states something may run', () => {
    const states = Object.keys(transitions) as State[]
    expect(states.filter((state) => !isLive(state))).toEqual(['stopped', 'queued', 'failed'])
  })
})
