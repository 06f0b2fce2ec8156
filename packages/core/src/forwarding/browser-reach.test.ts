import { describe, expect, it } from 'vitest'
import { valuesOf } from './test-support/heads.js'
import { exchange, told } from './test-support/restricted-exchange.js'

describe('what an environment tells browsers about more than itself', () => {
  it.each([
    ['max-age=60; includeSubDomains', 'max-age=60'],
    ['max-age=60;INCLUDESUBDOMAINS; preload', 'max-age=60'],
    ['includeSubDomains; max-age=60', 'max-age=60'],
    ['max-age=60', 'max-age=60'],
  ])('Strict-Transport-Security: %s becomes %s', async (value, left) => {
    const field = `Strict-Transport-Security: ${value}`
    const { answer, restrictions } = await exchange({ answered: [field] })
    expect(valuesOf(answer, 'strict-transport-security')).toEqual([left])
    expect(told(restrictions)).toEqual(
      left === value ? [] : ['strict-transport-security narrowed allowHstsSubDomains'],
    )
    const passed = await exchange({ answered: [field] }, { allowHstsSubDomains: true })
    expect(valuesOf(passed.answer, 'strict-transport-security')).toEqual([value])
  })

  it('Clear-Site-Data is dropped, but for an option', async () => {
    const field = 'Clear-Site-Data: "cookies"'
    const { answer, restrictions } = await exchange({ answered: [field] })
    expect(valuesOf(answer, 'clear-site-data')).toEqual([])
    expect(told(restrictions)).toEqual(['clear-site-data dropped allowClearSiteData'])
    const passed = await exchange({ answered: [field] }, { allowClearSiteData: true })
    expect(valuesOf(passed.answer, 'clear-site-data')).toEqual(['"cookies"'])
  })

  const below = { target: '/a/sw.js', clientTarget: '/env/pr-1/a/sw.js' }
  it.each([
    ['/', '/env/pr-1/'],
    ['/env/', '/env/pr-1/'],
    ['/env/pr-1', '/env/pr-1/'],
    ['/env/pr-10/', '/env/pr-1/'],
    ['../../../', '/env/pr-1/'],
    ['/env/pr-1/%2e%2e/', '/env/pr-1/'],
    ['https://pr-1.dev.test/', '/env/pr-1/'],
    ['http://[', '/env/pr-1/'],
    ['/env/pr-1/', '/env/pr-1/'],
    ['/env/pr-1/a/', '/env/pr-1/a/'],
    ['/env/pr-1/%e4/v1.2/a;b=c/', '/env/pr-1/%e4/v1.2/a;b=c/'],
    // Chromium takes what is before the first comma, Firefox resolves all of it.
    ['/,/../env/pr-1/', '/env/pr-1/'],
    ['../../../,/../env/pr-1/', '/env/pr-1/'],
    ['/env/pr-1/,/', '/env/pr-1/'],
    ['/env/pr-1/a, /env/pr-1/b', '/env/pr-1/'],
    ['../', '/env/pr-1/'],
    ['', '/env/pr-1/'],
    ['//evil.test/env/pr-1/', '/env/pr-1/'],
    ['//:', '/env/pr-1/'],
    ['/env/pr-1/..', '/env/pr-1/'],
    ['/env/pr-1/a/.%2E/../', '/env/pr-1/'],
    ['/env/pr-1/..\\', '/env/pr-1/'],
    ['/env/pr-1/\t../../', '/env/pr-1/'],
    ['/env/pr-1/?x', '/env/pr-1/'],
    ['/env/pr-1/"', '/env/pr-1/'],
  ])('Service-Worker-Allowed: %s becomes %s below a path', async (value, left) => {
    const field = `Service-Worker-Allowed: ${value}`
    const { answer, restrictions } = await exchange({ answered: [field] }, { to: below })
    expect(valuesOf(answer, 'service-worker-allowed')).toEqual([left])
    expect(told(restrictions)).toEqual(
      left === value ? [] : ['service-worker-allowed narrowed allowServiceWorkerScope'],
    )
    const options = { to: below, allowServiceWorkerScope: true }
    const passed = await exchange({ answered: [field] }, options)
    expect(valuesOf(passed.answer, 'service-worker-allowed')).toEqual([value])
  })

  it('of several Service-Worker-Allowed the first is left, wherever they would lead together', async () => {
    const answered = ['/env/pr-1/a/', 'q/../../../../', '/'].map(
      (value) => `Service-Worker-Allowed: ${value}`,
    )
    const { answer, restrictions } = await exchange({ answered }, { to: below })
    expect(valuesOf(answer, 'service-worker-allowed')).toEqual(['/env/pr-1/a/'])
    expect(told(restrictions)).toEqual(
      Array(2).fill('service-worker-allowed dropped allowServiceWorkerScope'),
    )
    for (const free of [{ to: below, allowServiceWorkerScope: true }, {}]) {
      const passed = await exchange({ answered }, free)
      expect(valuesOf(passed.answer, 'service-worker-allowed')).toHaveLength(3)
    }
  })

  it.each(['/a,b/pr-1', '//dev.test/pr-1', '/x/../pr-1', '/a b'])(
    'Service-Worker-Allowed is dropped below %s, which browsers would read as something else',
    async (ownPath) => {
      const { answer, restrictions } = await exchange(
        { answered: [`Service-Worker-Allowed: ${ownPath}/`] },
        { to: { target: '/a', ownPath } },
      )
      expect(valuesOf(answer, 'service-worker-allowed')).toEqual([])
      expect(told(restrictions)).toEqual(['service-worker-allowed dropped allowServiceWorkerScope'])
    },
  )

  it('Service-Worker-Allowed is free where the environment has all of its host, and not below its own path', async () => {
    const free = await exchange({ answered: ['Service-Worker-Allowed: /'] })
    expect(valuesOf(free.answer, 'service-worker-allowed')).toEqual(['/'])
    const own = await exchange(
      { answered: ['Service-Worker-Allowed: /'] },
      { to: { target: '/a', ownPath: '/base/pr-1' } },
    )
    expect(valuesOf(own.answer, 'service-worker-allowed')).toEqual(['/base/pr-1/'])
  })
})
