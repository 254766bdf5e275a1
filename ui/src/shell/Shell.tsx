import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { Icon } from '../components'
import { PLACES } from './places'

export function Shell({ children }: { children: ReactNode }) {
  return (
    <div>
      <nav aria-label="Main">
        {PLACES.map((p) => (
          <Link key={p.to} to={p.to}>
            <Icon name={p.icon} /> {p.label}
          </Link>
        ))}
      </nav>
      <main id="main">{children}</main>
    </div>
  )
}
