import { useEffect, type ReactNode } from 'react'
import { plain } from '../components/text'
import css from './Page.module.css'

const glyphs: Record<string, string> = { Failed: '✖ ', Degraded: '▲ ', Drifted: '≠ ', Deploying: '◐ ', Waiting: '◷ ', Paused: '‖ ', Unknown: '? ' }

export interface PageProps {
  /** For the tab's title, and the heading where `heading` is not given. */
  title: string
  /** Goes before the title of the tab: a problem is seen without opening it. */
  state?: string | undefined
  /** The one sentence that answers first. */
  lead?: ReactNode
  actions?: ReactNode
  heading?: ReactNode
  children: ReactNode
  /** No heading is shown: the page has its own. */
  bare?: boolean
  /** As wide as the screen. */
  wide?: boolean
}

/** Page is the frame of every page: the tab's title, one h1, its lead and actions. */
export function Page({ title, state, lead, actions, heading, children, bare, wide }: PageProps) {
  useEffect(() => {
    document.title = `${state ? (glyphs[state] ?? '') : ''}${plain(title)} – Plumb`
  }, [title, state])
  return (
    <div className={css.page} data-wide={wide || undefined}>
      {!bare && (
        <header className={css.head}>
          <div className={css.words}>
            <h1>{heading ?? plain(title)}</h1>
            {lead && <div className={css.lead}>{lead}</div>}
          </div>
          {actions && <div className={css.actions}>{actions}</div>}
        </header>
      )}
      {children}
    </div>
  )
}
