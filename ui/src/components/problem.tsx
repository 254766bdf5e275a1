import type { ReactNode } from 'react'
import type { ProblemBody } from '../api/types'
import { CopyButton } from './basics'
import { Icon } from './icons'
import { T } from './text'
import css from './problem.module.css'

/** Problem is an error in four lines: what failed, where, why, what next. `what` is what was being done ("Reading the Apps"). */
export function Problem({ what, problem, children }: { what: string; problem: ProblemBody; children?: ReactNode }) {
  const details = [what, problem.message, problem.where && `where: ${problem.where}`, `reason: ${problem.reason} (${problem.status})`, problem.next && `next: ${problem.next}`]
    .filter(Boolean)
    .join('\n')
  return (
    <div className={css.problem} role="alert">
      <Icon name="alert" size={18} />
      <div className={css.body}>
        <strong>{what} failed</strong>
        <p>
          <T>{problem.message}</T>
        </p>
        <dl>
          {problem.where && (
            <>
              <dt>where</dt>
              <dd className="mono">
                <T>{problem.where}</T>
              </dd>
            </>
          )}
          <dt>reason</dt>
          <dd className="mono">
            <T>{problem.reason}</T>
          </dd>
          {problem.next && (
            <>
              <dt>next</dt>
              <dd>
                <T>{problem.next}</T>
              </dd>
            </>
          )}
        </dl>
        <div className="row">
          {children}
          <CopyButton text={details} label="Copy the details">
            Copy details
          </CopyButton>
        </div>
      </div>
    </div>
  )
}

/** Banner is one line above content that stays: lost contact, stale data, a hold. */
export function Banner({ tone = 'warn', icon = 'alert', children }: { tone?: 'warn' | 'bad' | 'info' | 'hold'; icon?: string; children: ReactNode }) {
  return (
    <div className={css.banner} data-tone={tone} role="status">
      <Icon name={icon} size={16} />
      <div>{children}</div>
    </div>
  )
}
