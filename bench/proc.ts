// Runs in: owner. What the kernel reports about a process in /proc.
import { readdirSync, readFileSync } from 'node:fs'

const KIB = 1024

/** Memory of a process, in bytes. */
export interface Memory {
  rssBytes: number
  /** Proportional set size: a page that n processes share counts 1/n. */
  pssBytes: number
  /** Memory that no other process shares. It becomes free if this process ends. */
  privateBytes: number
  /** Resident pages that belong to no file. fork() has to copy their page tables. */
  anonymousBytes: number
}

/** The figures that must not grow while a template forks. */
export interface Holdings {
  rssBytes: number
  descriptors: number
  mappings: number
}

function field(text: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)
  if (!found) throw new Error(`/proc does not tell ${name}.`)
  return Number(found[1]) * KIB
}

export function readMemory(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return {
    rssBytes: field(text, 'Rss'),
    pssBytes: field(text, 'Pss'),
    privateBytes: field(text, 'Private_Clean') + field(text, 'Private_Dirty'),
    anonymousBytes: field(text, 'Anonymous'),
  }
}

export function readHoldings(pid: number): Holdings {
  return {
    rssBytes: readMemory(pid).rssBytes, // counted page by page; VmRSS may be out of date
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    mappings: readFileSync(`/proc/${pid}/maps`, 'utf8').trimEnd().split('\n').length,
  }
}
