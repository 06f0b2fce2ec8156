import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  authority,
  clientCertificate,
  serverCertificate,
  wildcardCertificate,
} from '../../packages/core/src/environment/certificates.fixture.ts'

/** What readers of the pages have from their authorities, by the names that the pages give it. */
const files: Readonly<Record<string, string>> = {
  'fullchain.pem': wildcardCertificate.cert,
  'privkey.pem': wildcardCertificate.key,
  'ca.pem': authority,
  'payments.pem': serverCertificate.cert,
  'payments-key.pem': serverCertificate.key,
  'gateway.pem': clientCertificate.cert,
  'gateway-key.pem': clientCertificate.key,
}

/** Writes those that a piece of code reads into its folder. */
export function writeCertificates(folder: string, code: string): void {
  for (const [name, pem] of Object.entries(files)) {
    if (code.includes(`'${name}'`)) writeFileSync(join(folder, name), pem)
  }
}
