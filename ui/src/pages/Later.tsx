import { Link, useParams } from '@tanstack/react-router'
import { Command, EmptyState } from '../components'
import { LATER } from '../shell/places'
import { Page } from '../shell/Page'
import { NotFound } from './NotFound'

interface Words {
  will: string
  now: string
  command?: string
}

const WORDS: Record<string, Words> = {
  promotion: {
    will: 'Versions as rows, environments as columns, and for each blocked cell the reason in words: a soak, an approval, a window.',
    now: 'Until then a promotion is a commit, and the matrix shows which version runs where.',
  },
  previews: {
    will: 'The open pull requests, what each would change in the rendered objects, and an environment for each.',
    now: 'Until then, a pipeline can render and try a directory as it is in a pull request:',
    command: 'plumb check overlays/prod',
  },
  policy: { will: 'Rules over what is rendered and planned, the violations by App, and waivers with an end.', now: 'Until then, admission policies of the cluster decide; what they refuse stands in the App’s state and in Why.' },
  secrets: { will: 'Which Secrets an App refers to, where they come from, how old they are and who uses them. Never their values.', now: 'Until then, Secrets are objects like others; their values are never shown here.' },
  stacks: { will: 'OpenTofu roots: plan, approval, apply, drift.', now: 'There is nothing of it yet.' },
  agents: { will: 'Agents at the edge: their last contact, how far behind they are, and what they do while cut off.', now: 'Until then, Plumb reaches clusters by their API server.' },
}

/** Later is the place of what is not there yet. It says so. */
export default function Later() {
  const { what } = useParams({ from: '/later/$what' })
  const place = LATER.find((p) => p.to === '/later/' + what)
  const words = WORDS[what]
  if (!place || !words) return <NotFound />
  return (
    <Page title={place.label} bare>
      <h1 className="sr">{place.label}</h1>
      <EmptyState title={`${place.label}: not there yet`} icon={place.icon}>
        <p>{words.will}</p>
        <p>{words.now}</p>
        {words.command && <Command text={words.command} />}
        {what === 'promotion' && (
          <p>
            <Link to="/apps" search={{ view: 'matrix' }}>
              Which version runs where?
            </Link>
          </p>
        )}
      </EmptyState>
    </Page>
  )
}
