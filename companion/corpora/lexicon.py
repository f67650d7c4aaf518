"""A small lexicon of English words that often can stand for each other, written for this book (CC0).

Every group holds words of one form (all past tenses, all plurals), so that replacing one by another leaves the grammar
as it was. That two words are near in meaning is a guess that no table can make good for every sentence: the groups
avoid what tells sentiment or an intent (good and bad words, "cancel", "return", "refund"), and so are modest.
"""

from __future__ import annotations

from collections.abc import Mapping

GROUPS = """
said stated remarked noted
says states remarks notes
asked enquired
told informed
called named
big large sizeable
small little tiny
new recent fresh
quick fast rapid swift
quickly rapidly swiftly
whole entire full
main chief principal
almost nearly practically
about roughly around
often frequently regularly
sometimes occasionally
again anew
maybe perhaps possibly
very really extremely
begin start
began started commenced
begins starts commences
beginning starting
end finish
ended finished concluded
ends finishes concludes
show display
showed displayed presented
shows displays presents
get obtain receive
got obtained received
gets obtains receives
buy purchase
bought purchased acquired
buys purchases acquires
make produce create
made produced created
makes produces creates
build construct erect
built constructed erected
need require
needed required
needs requires
want wish
wanted wished
wants wishes
use employ
used employed
uses employs
help assist
helped assisted
helps assists
keep retain
kept retained
choose pick select
chose picked selected
send dispatch
sent dispatched
try attempt
tried attempted
tries attempts
trying attempting
happen occur
happened occurred
happens occurs
think believe reckon
thought believed reckoned
thinks believes reckons
look seem appear
looked seemed appeared
looks seems appears
speak talk
spoke talked
arrived came
arrive come
carried transported
opened unveiled
moved shifted relocated
reached attained
founded established
took seized
gave handed
shut closed
town city
street road lane
house home dwelling
houses homes dwellings
shop store
shops stores
firm company
firms companies
car vehicle automobile
cars vehicles automobiles
job position
jobs positions
worker employee
workers employees
child kid
children kids youngsters
people persons folk
physician doctor
film movie picture
book volume
novel tale story
image photo
letter note message
parcel package
parcels packages
item article
items articles
question query
questions queries
answer reply response
answers replies responses
area region district
areas regions districts
coast shore
sea ocean
forest wood
hill slope
evening night
meeting gathering session
vote ballot
crowd throng
trip journey
phone handset
email mail
everyone everybody
someone somebody
among amid
money cash
team squad
owner proprietor
director manager
residents locals
volunteers helpers
founder creator
promised pledged
promise pledge
stopped halted
refused declined
counted tallied
wrote penned
usually normally
soon shortly
later afterwards
many numerous
several various
enough sufficient
staff personnel
engineers technicians
building structure
buildings structures
garden yard
repair mend
repaired mended
cheap inexpensive
""".strip()
"""One group a line. A word may stand in one group only: a second meaning would be a second guess."""


_SMALL = """
a about after all also am an and any are as at be been before being both but by can cannot could did do does
each either even every few for from had has have he her here him his how i if in into is it its just like may
me might more most much must my neither no nor not of off on once one only or other our out over own per shall
she should since so some such than that the their them then there these they this those though through to too
two until up upon us very via was we were what when where which while who whom whose why will with within
without would yet you your
"""
FUNCTION_WORDS = frozenset(_SMALL.split())
"""Small words that hold a sentence together: a language model that may put them anywhere will."""


def read_lexicon(groups: str = GROUPS) -> Mapping[str, tuple[str, ...]]:
    """For each word, in small letters, the others of its group.

    Raises:
        DataError: a group has fewer than two words, or a word stands in two groups; the line is named.
    """
    from companion.errors import DataError

    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(groups.splitlines(), start=1):
        words = line.split()
        again = [word for word in words if word in found or words.count(word) > 1]
        if len(words) < 2 or again:
            problem = f"{again[0]!r} stands there twice" if again else f"a group of {len(words)} words"
            raise DataError(f"lexicon: {problem}", line=number, remedy="give each word one group, of two words or more")
        found |= {word: tuple(other for other in words if other != word) for word in words}
    return found
