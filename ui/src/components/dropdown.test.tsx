import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { useState } from 'react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { DropDown } from '.'

afterEach(cleanup)

function Panel() {
  const [gone, setGone] = useState(false)
  return (
    <>
      <DropDown face="Views" label="Views">
        {(close) => (
          <>
            <input aria-label="name" defaultValue="prod" />
            <button disabled>cannot</button>
            {!gone && <button onClick={() => setGone(true)}>one</button>}
            <button onClick={close}>two</button>
          </>
        )}
      </DropDown>
      <button>elsewhere</button>
    </>
  )
}
const ran = vi.fn()
function Actions() {
  return (
    <DropDown face="…" label="More actions" mute kind="menu">
      {() => (
        <>
          <button role="menuitem" tabIndex={-1} onClick={ran}>hold</button>
          <button role="menuitem" tabIndex={-1}>delete</button>
        </>
      )}
    </DropDown>
  )
}
const views = () => screen.getByRole('button', { name: 'Views' })
const press = (key: string, more = {}) => fireEvent.keyDown(document.activeElement!, { key, bubbles: true, cancelable: true, ...more })
const focused = () => document.activeElement?.textContent || document.activeElement?.getAttribute('aria-label')
const isOpen = () => screen.queryByRole('group', { name: 'Views' }) !== null
const openIt = () => {
  render(<Panel />)
  views().focus()
  fireEvent.click(views())
}

describe('a drop-down', () => {
  it('says whether it is open, and what belongs to it', () => {
    openIt()
    expect([views().getAttribute('aria-expanded'), views().getAttribute('aria-controls')]).toEqual(['true', screen.getByRole('group').id])
    fireEvent.click(views())
    expect([views().getAttribute('aria-expanded'), views().getAttribute('aria-controls'), isOpen()]).toEqual(['false', null, false])
  })
  it('opens by the arrow down too, and moves the focus into it', () => {
    render(<Panel />)
    views().focus()
    press('ArrowDown')
    expect([isOpen(), focused()]).toEqual([true, 'name'])
  })
  it('is walked by arrows, Home and End, over what cannot be used, and round', () => {
    openIt()
    const at = ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowUp', 'ArrowUp', 'End', 'Home'].map((key) => (press(key), focused()))
    expect(at).toEqual(['one', 'two', 'name', 'two', 'one', 'two', 'name'])
  })
  it('leaves Home and End to a text that somebody writes', () => {
    openIt()
    expect([press('End'), focused()]).toEqual([true, 'name'])
  })
  it('closes by Escape, gives the focus back, and keeps the key from the page', () => {
    const page = vi.fn()
    window.addEventListener('keydown', page)
    openIt()
    press('ArrowDown')
    page.mockClear()
    press('Escape')
    window.removeEventListener('keydown', page)
    expect([isOpen(), document.activeElement === views(), page.mock.calls.length]).toEqual([false, true, 0])
  })
  it('leaves keys with Ctrl to the page', () => {
    openIt()
    expect([press('Home', { ctrlKey: true }), isOpen()]).toEqual([true, true])
  })
  it('closes when its content says so, with the focus on the button', () => {
    openIt()
    fireEvent.click(screen.getByText('two'))
    expect([isOpen(), document.activeElement === views()]).toEqual([false, true])
  })
  it('closes when somebody presses elsewhere, and leaves the focus there', () => {
    openIt()
    fireEvent.pointerDown(screen.getByText('elsewhere'))
    expect(isOpen()).toBe(false)
  })
  it('closes when the focus goes elsewhere', () => {
    openIt()
    fireEvent.focusIn(screen.getByText('elsewhere'))
    expect(isOpen()).toBe(false)
  })
  it('stays open when something in it is pressed', () => {
    openIt()
    fireEvent.pointerDown(screen.getByText('one'))
    expect(isOpen()).toBe(true)
  })
  it('can still be closed by Escape when what had the focus is gone', () => {
    openIt()
    screen.getByText('one').focus()
    fireEvent.click(screen.getByText('one'))
    if (document.activeElement === document.body) fireEvent.keyDown(document.body, { key: 'Escape', bubbles: true })
    else press('Escape')
    expect(isOpen()).toBe(false)
  })
})

describe('a menu', () => {
  it('has its role and its name, its items are walked, and Tab leaves it', () => {
    render(<Actions />)
    const button = screen.getByRole('button', { name: 'More actions' })
    fireEvent.click(button)
    expect([button.getAttribute('aria-haspopup'), screen.getByRole('menu', { name: 'More actions' }).id, focused()]).toEqual(['menu', button.getAttribute('aria-controls'), 'hold'])
    press('ArrowDown')
    expect(focused()).toBe('delete')
    press('Tab')
    expect([screen.queryByRole('menu'), document.activeElement]).toEqual([null, button])
  })
})
