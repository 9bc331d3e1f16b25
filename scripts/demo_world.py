"""A small made-up world of everyday activities, for training and testing the demo checkpoint.

The world holds several hundred activities ("Painting a garden bench", "How to tune a violin").
Each has a fixed order of steps and fixed tools, materials and places, drawn once from a seed, so
that a language model can learn them from text and from nothing else. Two things are generated:

* a training corpus of short narratives and how-to texts, and
* a held-out multiple-choice set in the record schema of HellaSwag (Zellers et al. 2019), whose
  wrong endings are graded: a step at the wrong time, the wrong tool, a step that this activity
  does without, another activity's step, a thing that somebody else holds, a wrong count.

Standard library only. The same seed gives the same text on every machine.
"""

from __future__ import annotations

import json
import random
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ITEM_COUNT = 1000
VARIANTS = 8
"""Activities an object has, each under another adjective and with its own steps and values."""

HOWTO_SHARE = 0.42
"""Share of how-to texts; they are longer than narratives."""

SKIP_RATE = 0.12
"""How often a text leaves out the step that would come next."""

SUBSTITUTE_RATE = 0.20
"""How often a step draws one of its tools or materials anew instead of the activity's own."""

HARD_WRONG_SHARE = 0.85
"""Share of wrong endings taken from the hard kinds, while there are any."""

HARD_KINDS = frozenset({"slot", "near", "holder", "object", "count"})
"""One wrong thing in the right step, a neighboring step, and what the context contradicts."""

FLOURISH_RATE = 0.30
"""How often a step carries a remark that says nothing about the activity."""

# One block an activity family. A step marks its verbs with "~" (they are inflected), "{name}" is
# the definite form of a slot's value and "{+name}" the form with which it is introduced.
FAMILIES_TEXT = """
@ Painting | paint | Home and Garden
objects: a wooden fence; a garden bench; a picture frame; a bookshelf; a bird table; a kitchen
  chair; a front door; a flower box; an iron gate; a window shutter; a toy chest; a porch rail; a
  mailbox; a bedroom wall
tool: a wide brush; a foam roller; a thin brush; a spray gun; a sponge; a paint pad
coat: some white primer; some blue enamel; some green paint; some clear varnish; some red lacquer;
  some gray chalk paint
cover: an old sheet; some newspaper; a plastic tarp; some cardboard; a canvas cloth
open: ~set {+tool} and {+coat} beside {obj} / ~bring {+coat} and {+tool} over to {obj}
open: ~lay {+cover} under {obj}
mid: ~tape off the edges of {obj}
mid: ~stir {coat} for {wait}
mid: ~sand the rough spots until {obj} feels smooth
mid: ~dip {tool} into {coat} and ~wipe off the drips
mid: ~wipe the dust off {obj} with {+rag}
mid: ~test {coat} on {cover}
mid: ~spread {coat} over {obj} with {tool}
end: ~rinse {tool} in the sink
end: ~leave {obj} to dry {place}
rag: a damp rag; a dry towel; a soft duster; a paper towel
place: in the garage; on the porch; in the yard; beside the shed; under the roof

@ Baking | bake | Food and Entertaining
objects: a loaf of rye bread; a lemon tart; a carrot cake; a tray of oat cookies; a cherry pie; a
  plum cake; a batch of muffins; a banana loaf; a tray of ginger biscuits; a walnut cake; a cheese
  tart; a ring of raisin bread; a pan of brownies; a peach pie
base: some rye flour; some wheat flour; some corn meal; some ground almonds; some oat flour; some
  spelt flour
fat: some soft butter; some olive oil; some lard; some sour cream; some coconut oil
tool: a wooden spoon; a steel whisk; a rubber spatula; a hand mixer; a fork
pan: a round tin; a glass dish; a long pan; a clay pot; a flat tray
open: ~put {+base} and {+fat} on the counter / ~measure {+base} and {+fat}
open: ~heat the oven and ~grease {+pan} with {fat}
mid: ~sift {base} into a bowl
mid: ~beat {count} eggs with {+tool}
mid: ~fold {fat} into the batter with {tool}
mid: ~add a pinch of {spice}
mid: ~let the dough rest for {wait}
mid: ~pour the batter into {pan}
mid: ~line {pan} with paper
end: ~bake {obj} for {wait} / ~keep {obj} in the oven for {wait}
end: ~cool {obj} {place}
spice: cinnamon; nutmeg; clove; cardamom; salt; vanilla; ginger
place: on a wire rack; by the window; on the shelf; on a stone slab; in the pantry

@ Cooking | cook | Food and Entertaining
objects: a pot of lentil soup; a pot of bean stew; a pan of fried rice; a pot of onion soup; a
  mushroom stew; a pot of chili; a pan of noodles; a fish soup; a pumpkin curry; a pot of beet
  soup; a pan of potatoes; a chicken stew; a pot of pea soup; a pan of dumplings
root: some carrots; some onions; some leeks; some turnips; some celery; some sweet peppers
fat: some butter; some olive oil; some sesame oil; some bacon fat; some ghee
broth: some chicken broth; some tomato juice; some salted water; some beef stock; some white wine
tool: a long ladle; a wooden spoon; a flat paddle; a slotted spoon; a metal fork
open: ~chop {+root} on a board / ~peel {+root} and ~cut them into cubes
open: ~warm {+fat} in a heavy pot
mid: ~fry {root} in {fat} for {wait}
mid: ~pour {+broth} over {root}
mid: ~stir {obj} with {+tool}
mid: ~skim the foam with {tool}
mid: ~crush {count} cloves of garlic
mid: ~sprinkle {spice} on top
mid: ~put the lid on and ~wait for {wait}
end: ~serve {obj} {place}
end: ~taste {obj} and ~add more {spice}
spice: thyme; paprika; cumin; black pepper; parsley; bay leaf; sage
place: in deep bowls; with warm bread; at the long table; on tin plates; with a slice of lime

@ Repairing | repair | Cars and Other Vehicles
objects: a mountain bike; a kick scooter; a wheelbarrow; a baby stroller; a shopping cart; a
  tricycle; a hand truck; a road bike; a garden cart; a wheelchair; a skateboard; a rowing
  machine; a lawn mower; a bike trailer
tool: a hex key; a small wrench; a pair of pliers; a screwdriver; a rubber mallet; a tire lever
part: a worn bolt; a bent axle; a loose nut; a cracked pedal; a broken spoke; a rusty spring
oil: some chain oil; some grease; some graphite powder; some silicone spray; some wax
open: ~turn {obj} upside down {place}
open: ~lay out {+tool} and {+oil} / ~take {+tool} and {+oil} from a box
mid: ~loosen {+part} with {tool}
mid: ~wipe the wheels with {+rag}
mid: ~rub {oil} on the joints
mid: ~pull out {part} and ~drop it in a tray
mid: ~count {count} spare washers
mid: ~fit a new part with {tool}
mid: ~spin the wheels for {wait}
end: ~roll {obj} around {place}
end: ~tighten every screw with {tool}
rag: an oily rag; an old sock; a paper towel; a wire brush
place: in the garage; on the driveway; on the lawn; in the basement; by the curb

@ Planting | plant | Home and Garden
objects: a rose bush; a fig tree; a row of tomatoes; a bed of tulips; a lemon tree; a grape vine;
  a pot of basil; a row of lettuce; a lavender hedge; an apple tree; a patch of mint; a row of
  beans; a bed of strawberries; a maple tree
tool: a short spade; a garden fork; a hand trowel; a wooden dibber; a steel shovel
feed: some compost; some bone meal; some dry manure; some wood ash; some fish meal
guard: a wire cage; a bamboo stick; a glass dome; a nylon net; a layer of straw
open: ~choose a spot for {obj} {place} / ~clear a spot {place}
open: ~carry {+tool} and {+feed} out of the shed
mid: ~dig {count} holes with {tool}
mid: ~mix {feed} into the soil
mid: ~soak the roots in {+can}
mid: ~pull the weeds and ~throw them in a bucket
mid: ~press the earth down with {+press}
mid: ~pour water from {can}
mid: ~break the hard soil with {tool}
end: ~put {+guard} around {obj}
end: ~water {obj} again after {wait}
can: a tin pail; a green can; a clay jug; a long hose
press: both hands; a flat board; one boot; a roller
place: near the wall; by the gate; behind the house; in full sun; beside the pond

@ Washing | wash | Cars and Other Vehicles
objects: a pickup truck; a camper van; a motorcycle; a sports car; a school bus; a tractor; a
  fishing boat; a taxi; a delivery van; a golf cart; a fire truck; a rowing boat; a jeep; a horse
  trailer
tool: a big sponge; a long brush; a wool mitt; a rubber blade; a cotton mop
soap: some car soap; some dish soap; some foam cleaner; some lemon shampoo; some soda powder
dry: a soft towel; a leather cloth; a leaf blower; an old shirt; a roll of paper
open: ~park {obj} {place}
open: ~fill {+pail} and ~add {+soap} / ~pour {+soap} into {+pail}
mid: ~spray {obj} with a hose for {wait}
mid: ~scrub the wheels with {+tool}
mid: ~rub {soap} over the hood
mid: ~rinse {tool} in {pail}
mid: ~clean the windows with {+dry}
mid: ~take {count} mats out and ~shake them
mid: ~pick leaves off the roof
end: ~dry {obj} with {dry}
end: ~polish the lights with {wax}
pail: a red bucket; a steel pail; a plastic tub; a large basin
wax: car wax; baby oil; clear polish; vinegar
place: on the street; in the yard; under a tree; next to the barn; on the gravel

@ Grooming | groom | Pets and Animals
objects: a black poodle; a brown pony; a sheepdog; a gray rabbit; a white goat; a long-haired cat;
  a show horse; a spaniel; a donkey; a llama; a terrier; a young calf; a husky; a guinea pig
tool: a metal comb; a stiff brush; a rubber curry; a pair of clippers; a slicker brush
wash: some oat shampoo; some baby soap; some flea powder; some mild rinse; some tea tree oil
treat: a carrot; a dry biscuit; a slice of apple; a piece of cheese; a handful of hay
open: ~lead {obj} to a stand {place}
open: ~calm {obj} with {+treat} / ~offer {obj} {+treat}
mid: ~untangle the coat with {+tool}
mid: ~check the ears with {+swab}
mid: ~pour {+wash} on its back
mid: ~rub {wash} in for {wait}
mid: ~trim {count} nails
mid: ~rinse {obj} with {+pail}
mid: ~comb the tail with {tool}
end: ~give {obj} {treat} as a reward
end: ~tie {+ribbon} around its neck
swab: a cotton bud; a warm cloth; a small lamp; a bit of gauze
pail: a warm hose; a jug of water; a wet sponge; a hand shower
ribbon: a red ribbon; a blue scarf; a little bell; a leather collar
place: in the barn; in the bathroom; on the patio; in the stable; by the fence

@ Sewing | sew | Hobbies and Crafts
objects: a cotton apron; a pair of curtains; a patchwork quilt; a doll dress; a linen shirt; a
  canvas bag; a pillow case; a baby blanket; a felt hat; a table cloth; a silk skirt; a laundry
  sack; a winter coat; a puppet
cloth: some striped cotton; some plain linen; some brown felt; some dotted silk; some old denim;
  some green velvet
thread: some black thread; some white thread; some red yarn; some nylon string; some gold thread
tool: a pair of shears; a round knife; a seam ripper; a pair of scissors; a paper cutter
open: ~spread {+cloth} {place} / ~unroll {+cloth} {place}
open: ~find {+thread} and {+tool} in a basket
mid: ~draw the outline with {+mark}
mid: ~cut {cloth} with {tool}
mid: ~pin the pieces with {count} pins
mid: ~push {thread} through the needle
mid: ~stitch the long side with {thread}
mid: ~press the seam with {+iron}
mid: ~measure the length of {obj}
end: ~fold {obj} and ~put it in a drawer
end: ~trim the loose ends with {tool}
mark: a piece of chalk; a soft pencil; a bar of soap; a blue pen
iron: a hot iron; a heavy book; a steam brush; a flat stone
place: on the floor; on a wide table; across the bed; on the desk; near the lamp

@ Knitting | knit | Hobbies and Crafts
objects: a wool scarf; a pair of mittens; a striped sweater; a baby hat; a pair of socks; a shawl;
  a tea cozy; a ski cap; a cardigan; a dog coat; a headband; a lace collar; a poncho; a toy rabbit
yarn: some gray wool; some blue cotton; some soft alpaca; some yellow yarn; some thick mohair;
  some brown wool
tool: a pair of bamboo needles; a steel hook; a set of short needles; a round needle; a wooden hook
open: ~sit down {place} with {+yarn}
open: ~wind {+yarn} into a ball / ~roll {+yarn} into a neat ball
mid: ~pick up {+tool} and ~make a loop
mid: ~cast on {count} rows with {tool}
mid: ~read the pattern in {+book}
mid: ~count the stitches on {tool}
mid: ~switch to {+second} for the border
mid: ~purl a row and ~turn {obj} over
mid: ~rest {+rest} for {wait}
end: ~weave in the ends of {yarn}
end: ~wash {obj} in {+soak}
second: a darker thread; a bright red thread; a white strand; a silver strand
book: a thin magazine; an old notebook; a printed sheet; a craft book
rest: both hands; both arms; both eyes; the wrists
soak: some cold water; some mild soap; some warm water; some rain water
place: by the fire; on the sofa; near the window; on the porch swing; under a lamp

@ Building | build | Home and Garden
objects: a step stool; a dog house; a coffee table; a tree swing; a wine rack; a sand box; a
  rabbit hutch; a garden arch; a raised bed; a shoe rack; a bird house; a toy boat; a bunk bed; a
  compost bin
wood: some pine boards; some oak planks; some cedar strips; some plywood; some bamboo poles; some
  maple beams
saw: a hand saw; a band saw; a jigsaw; a fine saw; a table saw
fix: some steel nails; some brass screws; some wood glue; some wooden pegs; some metal brackets
open: ~stack {+wood} {place}
open: ~sketch {obj} on {+paper} / ~make a plan of {obj} on {+paper}
mid: ~mark the boards with {+mark}
mid: ~cut {wood} with {+saw}
mid: ~drill {count} holes
mid: ~join the sides with {+fix}
mid: ~sand the corners for {wait}
mid: ~clamp {wood} to the bench
mid: ~check the angles with {+level}
end: ~coat {obj} with {+oil}
end: ~sweep the sawdust off the floor
paper: a napkin; a large sheet; a notepad; a brown bag
mark: a carpenter pencil; a nail; a felt pen; a piece of chalk
level: a spirit level; a steel square; a plumb line; a tape measure
oil: some linseed oil; some dark stain; some yellow paint; some beeswax
place: in the workshop; in the garage; on the grass; behind the barn; on two trestles

@ Cleaning | clean | Home and Garden
objects: a fish tank; a gas oven; a brick chimney; a leather sofa; a wool rug; a bath tub; a
  coffee machine; a bird cage; a window blind; a tile floor; a stone terrace; a fridge; a
  chandelier; a rain gutter
agent: some baking soda; some white vinegar; some lemon juice; some soap flakes; some salt paste;
  some bleach
tool: a nylon brush; a metal scraper; a toothbrush; a steam cleaner; a rubber squeegee
open: ~put on {+wear} and ~open a window
open: ~mix {+agent} with water {place} / ~stir {+agent} into warm water {place}
mid: ~remove {count} loose pieces
mid: ~scrape off the dirt with {+tool}
mid: ~pour {agent} on the stains
mid: ~let it soak for {wait}
mid: ~scrub {obj} with {tool}
mid: ~vacuum the dust around {obj}
mid: ~wipe the corners with {+rag}
end: ~rinse {obj} with clean water
end: ~dry {obj} with {rag}
wear: some rubber gloves; a paper mask; a pair of goggles; an old apron
rag: a cotton rag; a chamois cloth; a sheet of newspaper; a bath towel
place: in a bucket; in a spray bottle; in a bowl; in a watering can; in a jar

@ Brewing | brew | Food and Entertaining
objects: a pot of mint tea; a cup of strong coffee; a jug of iced tea; a pot of cocoa; a jar of
  cold brew; a bowl of matcha; a pot of spiced cider; a mug of ginger tea; a pot of chai; a jug of
  lemonade; a pot of rose tea; a flask of mulled juice; a cup of espresso; a pitcher of herbal
  punch
leaf: some dried leaves; some roasted beans; some fine powder; some fresh roots; some crushed
  seeds; some flower buds
tool: a copper kettle; a glass press; a paper filter; a tin strainer; a small saucepan
sweet: some honey; some brown sugar; some maple syrup; some date syrup; some white sugar
open: ~fill {+tool} with cold water
open: ~weigh {+leaf} on a scale / ~scoop {+leaf} from a tin
mid: ~grind {leaf} in a mortar
mid: ~heat the water for {wait}
mid: ~warm {count} cups
mid: ~pour the water over {leaf}
mid: ~stir in {+sweet}
mid: ~strain {obj} through {+cloth}
mid: ~squeeze {+fruit} over it
end: ~serve {obj} {place}
end: ~rinse {tool} and ~hang it up
cloth: a linen cloth; a fine sieve; a steel mesh; a paper bag
fruit: a lemon; an orange; a ripe lime; a slice of grapefruit
place: on a tray; with thin wafers; in the garden; on the balcony; beside the stove

@ Drawing | draw | Arts and Entertainment
objects: a sailing boat; a sleeping cat; an old castle; a mountain lake; a running horse; a bowl
  of fruit; a city street; a sunflower; a dragon; a family portrait; a steam train; a barn owl; a
  desert road; a circus clown
tool: a charcoal stick; a soft pencil; a fountain pen; a wax crayon; a felt marker; a piece of
  chalk
sheet: a sheet of gray paper; a sketch pad; a square canvas; a roll of brown paper; a smooth board
color: some water colors; some oil pastels; some colored ink; some acrylic paint; some crushed
  chalk
open: ~fix {+sheet} {place} / ~place {+sheet} {place}
open: ~sharpen {+tool} over a bin
mid: ~sketch the outline with {tool}
mid: ~draw {count} guide lines
mid: ~shade the dark side with {+smudge}
mid: ~rub out the mistakes with {+eraser}
mid: ~fill the sky with {+color}
mid: ~step back and ~look at {obj} for {wait}
mid: ~add tiny details with {tool}
end: ~sign the corner of {sheet}
end: ~spray {obj} so that {color} cannot smear
smudge: a paper stump; a finger; a bit of cotton; a dry brush
eraser: a gum eraser; a lump of bread; a pink eraser; a clean cloth
place: on an easel; on a desk; against the wall; on a drawing board; across two chairs

@ Carving | carve | Hobbies and Crafts
objects: a pumpkin lantern; a wooden spoon; a walking stick; a chess piece; a soap duck; a stone
  bear; a totem pole; a wooden bowl; a garden gnome; an ice swan; a flute; a toy soldier; a
  picture plate; a linoleum stamp
block: a block of lime wood; a dry branch; a bar of wax; a piece of walnut; a slab of birch; a
  chunk of foam
tool: a short knife; a curved gouge; a flat chisel; a fine rasp; a carving hook
finish: some walnut oil; some soft wax; some shellac; some brown stain; some gold paint
open: ~clamp {+block} {place}
open: ~copy the shape onto {+block} with {+mark} / ~trace the shape on {+block} with {+mark}
mid: ~chip away the corners with {+tool}
mid: ~tap {tool} with {+mallet}
mid: ~hollow out the middle for {wait}
mid: ~cut {count} small notches
mid: ~turn {block} around
mid: ~smooth the surface with {+paper}
mid: ~hone {tool} on a stone
end: ~rub {+finish} into {obj}
end: ~blow the chips off {obj}
mark: a red pencil; a sharp pin; a paper stencil; a marker
mallet: a wooden mallet; a small hammer; a round stone; a fist
paper: some fine sandpaper; some steel wool; a piece of glass; a nail file
place: in a vise; on the bench; on a stump; between two boards; on a rubber mat

@ Packing | pack | Travel
objects: a picnic basket; a school lunch; a ski bag; a beach bag; a suitcase; a camera case; a
  tool box; a moving crate; a gift hamper; a canoe bag; a first aid kit; a hiking pack; a wedding
  trunk; a baby bag
heavy: a pair of boots; a thick book; a full bottle; a cast iron pan; a folding chair; a wool
  blanket
light: a rain jacket; a straw hat; a cotton shirt; a bath towel; a paper map
wrap: some bubble wrap; some tissue paper; a plastic bag; some old shirts; some dry leaves
open: ~write a list on {+paper}
open: ~open {obj} {place} / ~put {obj} {place}
mid: ~place {+heavy} at the bottom
mid: ~roll {+light} into a tight tube
mid: ~wrap {heavy} in {+wrap}
mid: ~count {count} small boxes
mid: ~fill the gaps with {wrap}
mid: ~hide {+money} in a side pocket
mid: ~slide {light} in last
end: ~close {obj} with {+strap}
end: ~weigh {obj} and ~wait for {wait}
paper: a yellow card; the back of a letter; a phone; a notepad
money: a few coins; a spare key; a train ticket; a small lamp
strap: a leather strap; a brass lock; a long cord; a piece of tape
place: on the bed; on the floor; by the door; in the hall; on the car seat

@ Shaping | shape | Hobbies and Crafts
objects: a clay bowl; a tall vase; a coffee mug; a garden pot; a tea pot; a soup plate; a candle
  holder; an oil lamp; a bird bath; a salt jar; a pencil cup; a roof tile; a fruit dish; a clay
  whistle
clay: some red clay; some white clay; some gray stoneware; some river mud; some black clay
tool: a wire loop; a wooden rib; a bamboo knife; a wet sponge; a metal scraper
glaze: some blue glaze; some clear glaze; some tin glaze; some green slip; some salt glaze
open: ~knead {+clay} {place} / ~press the air out of {+clay} {place}
open: ~fill {+bowl} with water
mid: ~throw {clay} onto the wheel
mid: ~pull the walls up with {+tool}
mid: ~wet both hands in {bowl}
mid: ~trim the foot with {tool}
mid: ~carve {count} rings around {obj}
mid: ~cut {obj} loose with {+wire}
mid: ~let {obj} harden for {wait}
end: ~dip {obj} in {+glaze}
end: ~set {obj} in the kiln
bowl: a tin bowl; a plastic tub; a wide jar; a pail
wire: a thin wire; a nylon string; a long needle; a cheese cutter
place: on a board; on a slab of plaster; on a stone; on a canvas sheet; on a steel table

@ Tuning | tune | Arts and Entertainment
objects: a violin; an old piano; a steel guitar; a harp; a banjo; a cello; a mandolin; a church
  organ; a snare drum; a ukulele; a zither; a lute; a double bass; a set of bells
tool: a tuning fork; a pitch pipe; a phone app; an electric tuner; a small flute
key: a tuning lever; a drum key; a peg turner; a brass crank; a pair of pliers
care: some lemon oil; some rosin; some graphite; some light polish; some talcum powder
open: ~place {obj} {place}
open: ~dust {obj} with {+cloth} / ~wipe {obj} with {+cloth}
mid: ~strike {+tool} and ~listen
mid: ~turn the first peg with {+key}
mid: ~loosen {count} strings
mid: ~rub {+care} on the pegs
mid: ~play a slow scale for {wait}
mid: ~mute the other notes with {+felt}
mid: ~compare the low note with {tool}
end: ~play a short song on {obj}
end: ~put {key} back in its box
cloth: a silk cloth; a feather duster; a dry rag; a soft brush
felt: a strip of felt; a rubber wedge; a thumb; a folded card
place: on a stand; on a soft rug; near the stage; against a chair; in a quiet room

@ Polishing | polish | Home and Garden
objects: a silver teapot; a brass bell; a pair of boots; a copper pan; a marble table; a gold
  ring; a trumpet; a bronze statue; an oak floor; a pewter mug; a belt buckle; a car bumper; a
  door knob; a mirror frame
paste: some metal paste; some chalk powder; some black wax; some tomato sauce; some wood ash; some
  cream polish
tool: a flannel cloth; a horse hair brush; a felt pad; a cork block; a cotton ball
wash: some hot water; some mild soap; some clear alcohol; some lemon juice; some salt water
open: ~lay {obj} {place}
open: ~open {+paste} and ~find {+tool} / ~shake {+paste} and ~pick up {+tool}
mid: ~rinse {obj} in {+wash}
mid: ~rub {paste} on with {tool}
mid: ~leave {paste} on for {wait}
mid: ~clean the grooves with {+pick}
mid: ~buff {obj} in {count} circles
mid: ~breathe on the surface and ~look for streaks
mid: ~remove the old layer with {wash}
end: ~wrap {obj} in {+wrap}
end: ~set {obj} back on its shelf
pick: a wooden pick; a soft toothbrush; a cotton bud; a pin
wrap: a velvet bag; some tissue; a dry sock; a wool cloth
place: on a towel; on a newspaper; on the lap; on the counter; on a tray

@ Pitching | pitch | Sports and Fitness
objects: a dome tent; a family tent; a beach shelter; a market stall; a rain tarp; a circus tent;
  a party tent; a bivouac; a tepee; a sun sail; a pup tent; a hunting blind; a festival tent; a
  mess tent
pole: some steel poles; some bent rods; some bamboo canes; some wooden posts; some air tubes
peg: some iron pegs; some plastic pegs; some heavy stones; some sand bags; some tree roots
rope: some white rope; some elastic cord; some green twine; some old cable; some leather straps
open: ~clear the ground {place} / ~kick the stones away {place}
open: ~unfold {obj} and ~shake it
mid: ~push {+pole} through the sleeves
mid: ~fasten the corners with {+peg}
mid: ~tie {+rope} to the top
mid: ~raise {obj} on {pole}
mid: ~hammer {count} pegs with {+hammer}
mid: ~dig a drain for {wait}
mid: ~pull {rope} tight
end: ~hang {+lamp} inside
end: ~roll up the door of {obj}
hammer: a flat rock; a rubber hammer; a camp axe; a boot heel
lamp: a gas lamp; a lantern; a string of lights; a torch
place: near a stream; under the pines; behind a dune; on the meadow; on the hill

@ Practicing | practice | Sports and Fitness
objects: a tennis serve; a free throw; a golf swing; a long jump; a hand stand; a penalty kick; a
  back flip; an archery shot; a bowling throw; a swim turn; a ski turn; a boxing combo; a fencing
  lunge; a skate trick
warm: a slow jog; a set of squats; a rope drill; a stretch; a few push ups
aid: a heavy ball; a foam mat; an elastic band; a low bench; a wooden pole
mark: an orange cone; a chalk line; a paper target; a strip of tape; a flag
open: ~warm up with {+warm} {place} / ~start {place} with {+warm}
open: ~put down {+mark} {place}
mid: ~train the shoulders with {+aid}
mid: ~watch {+film} for {wait}
mid: ~repeat the motion {count} times
mid: ~aim at {mark}
mid: ~try {obj} without {aid}
mid: ~breathe out and ~bend both knees
mid: ~drink from {+bottle}
end: ~write the score in {+book}
end: ~cool down with {warm}
film: a training video; an older player; a mirror; a coach
bottle: a steel bottle; a paper cup; a juice box; a coconut
book: a log book; a phone; a blue diary; a score card
place: in the gym; on the court; in the park; at the club; behind the school

@ Planning | plan | Family Life
objects: a birthday party; a garden wedding; a class reunion; a street fair; a book club; a
  surprise dinner; a charity run; a school play; a baby shower; a film night; a family picnic; a
  retirement party; a bake sale; a costume ball
theme: a pirate theme; a jungle theme; a winter theme; a retro theme; a space theme; a garden theme
food: some cold sandwiches; some spring rolls; some grilled corn; some fruit cups; some pizza
  slices; some cheese plates
music: a jazz band; a string trio; a playlist; a school choir; a folk singer
open: ~choose {+theme} for {obj} / ~settle on {+theme} for {obj}
open: ~book a room {place}
mid: ~write {count} invitations on {+card}
mid: ~order {+food} from a shop
mid: ~ask {+music} to perform
mid: ~hang up {+decor}
mid: ~call the guests for {wait}
mid: ~set the tables and ~put out {food}
mid: ~test the sound of {music}
end: ~thank everyone with {+gift}
end: ~take down {decor}
card: a glossy card; some pink paper; a photo; a postcard
decor: some paper lanterns; some balloons; some silk flags; some fairy lights
gift: a small plant; a jar of jam; a hand written note; a candle
place: in the town hall; at the lake; in a cafe; at the library; on a rooftop

@ Making | make | Hobbies and Crafts
objects: a beeswax candle; a bar of lavender soap; a paper lantern; a leather wallet; a jar of lip
  balm; a bead necklace; a kite; a scented sachet; a photo album; a dream catcher; a puppet
  theater; a wind chime; a wicker basket; a paper boat
stuff: some melted wax; some thin leather; some colored paper; some willow twigs; some glass
  beads; some shea butter
scent: some rose oil; some pine resin; some orange peel; some dried sage; some vanilla drops
tool: a double pan; a bone folder; a hole punch; a thin skewer; a craft knife
open: ~prepare {+stuff} {place} / ~sort {+stuff} {place}
open: ~gather {+tool} and {+scent}
mid: ~work on {stuff} with {tool}
mid: ~add {count} drops of color
mid: ~mix {scent} in
mid: ~tie the ends with {+string}
mid: ~press {stuff} into {+mold}
mid: ~wait {wait} until it sets
mid: ~cut away what sticks out of {mold}
end: ~label {obj} with {+pen}
end: ~store {obj} with {scent}
string: a cotton wick; a thin ribbon; a wax cord; a fish line
mold: a milk carton; a silicone cup; a wooden box; a tin lid
pen: a silver pen; a rubber stamp; a sticker; a paper tag
place: on the stove; on a tray; at the kitchen table; on a mat; in a warm room

@ Grilling | grill | Food and Entertaining
objects: a whole trout; a rack of ribs; a beef steak; a tray of prawns; a veggie skewer; a corn
  cob; a lamb chop; a chicken wing; a stuffed pepper; a tuna fillet; a bratwurst; a halloumi
  slice; a duck breast; a portobello burger
fuel: some charcoal; some oak logs; some gas; some apple wood; some dry vines
sauce: some garlic butter; some soy glaze; some mustard sauce; some mango chutney; some herb oil
tool: a pair of tongs; a flat turner; a long fork; a wire basket; a cedar plank
open: ~light {+fuel} {place}
open: ~rub {obj} with {spice} / ~season {obj} with {spice}
mid: ~soak {obj} in {+sauce} for {wait}
mid: ~brush the grate with {+brush}
mid: ~spread {fuel} with {+tool}
mid: ~lay {obj} over the heat with {tool}
mid: ~flip {obj} after {wait}
mid: ~cut {count} slits into {obj}
mid: ~brush {sauce} on both sides
end: ~serve {obj} with {+side}
end: ~let {obj} rest under foil
spice: smoked salt; lemon pepper; dried oregano; chili flakes; brown sugar
brush: a wire brush; half an onion; a ball of foil; a wet cloth
side: a green salad; some baked beans; a bread roll; some cole slaw
place: on the terrace; by the river; in the back yard; on the beach; at the camp

@ Installing | install | Computers and Electronics
objects: a ceiling fan; a wall lamp; a door bell; a smoke alarm; a garage opener; a solar panel; a
  security camera; a towel rail; a kitchen tap; a wall socket; a car radio; a water filter; a
  television mount; a radiator
tool: a power drill; a cross screwdriver; a wire stripper; an adjustable wrench; a crimping tool
fix: some wall plugs; some long screws; some steel clips; some cable ties; some strong tape
check: a volt meter; a test light; a spirit level; a leak spray; a stud finder
open: ~switch off the power {place} / ~shut everything off {place}
open: ~unpack {obj} and ~read {+paper}
mid: ~mark {count} points on the wall
mid: ~make the holes with {+tool}
mid: ~press {+fix} into place
mid: ~lift {obj} and ~hold it for {wait}
mid: ~join the cables with {+joint}
mid: ~secure {obj} with {fix}
mid: ~test the line with {+check}
end: ~turn the power back on
end: ~clean {tool} and ~pack up
paper: a thick manual; a folded sheet; a small card; a web page
joint: a plastic cap; a brass clamp; a drop of solder; a rubber sleeve
place: in the cellar; in the hallway; at the main box; behind a panel; under the stairs

@ Canning | can | Food and Entertaining
objects: a batch of plum jam; a crate of pickles; a basket of peaches; a bag of beets; a batch of
  salsa; a load of green beans; a batch of pear butter; a pot of onion relish; a box of cherries;
  a tray of figs; a batch of apple sauce; a heap of cabbage; a basket of olives; a pail of berries
acid: some lemon juice; some cider vinegar; some white wine vinegar; some citric acid; some sour
  grape juice
sugar: some cane sugar; some coarse salt; some jam sugar; some honey; some pectin
tool: a steel funnel; a jar lifter; a long spoon; a potato masher; a hand mill
open: ~wash {obj} {place} / ~rinse {obj} {place}
open: ~boil {count} jars in {+pot}
mid: ~cut out the bad spots with {+knife}
mid: ~cover {obj} with {+sugar}
mid: ~pour in {+acid}
mid: ~simmer everything for {wait}
mid: ~crush the fruit with {+tool}
mid: ~fill the jars with {tool}
mid: ~drop {spice} into {pot}
end: ~seal the lids with {+seal}
end: ~write the date on every jar
pot: a copper pot; an enamel pot; a pressure cooker; a milk pan
knife: a paring knife; a peeler; a pair of scissors; a corer
spice: mustard seeds; star anise; dill; clove; chili
seal: a rubber ring; some hot wax; a towel; a metal clip
place: in the sink; under the pump; in a big tub; in cold water; at the well

@ Decorating | decorate | Holidays and Traditions
objects: a wedding cake; a pine tree; a shop window; a parade float; a front porch; a banquet
  table; a gingerbread house; an Easter egg; a dance hall; a ship mast; a school gate; a snow man;
  a hat; a carnival mask
trim: some silver foil; some dried flowers; some sugar pearls; some red ribbon; some paper stars;
  some peacock feathers
glue: some hot glue; some egg white; some thin wire; some sticky dots; some icing
tool: a pair of tweezers; a piping bag; a staple gun; a fine brush; a step ladder
open: ~sketch a design for {obj} on {+paper}
open: ~lay {+trim} out {place} / ~spread {+trim} out {place}
mid: ~cover the base with {+base}
mid: ~dab {+glue} on the back of {trim}
mid: ~arrange {count} pieces in a ring
mid: ~attach {trim} with {tool}
mid: ~take {+tool} from a drawer
mid: ~let {glue} set for {wait}
mid: ~shake {+dust} over {obj}
end: ~take a photo of {obj}
end: ~sweep up what is left of {trim}
paper: a menu; a large card; some squared paper; a tablet
base: some white cloth; some cream; some moss; some gold paint
dust: some glitter; some powdered sugar; some fake snow; some bronze powder
place: by color; on a table; in small bowls; on the floor; in rows

@ Dyeing | dye | Hobbies and Crafts
objects: a silk shirt; a wool rug; a pair of jeans; a cotton dress; a straw mat; a linen sheet; a
  canvas tent; a felt bag; a yarn bundle; a leather belt; a white flag; a lace veil; a feather
  boa; a wedding gown
color: some onion skins; some blue indigo; some red madder; some walnut hulls; some beet juice;
  some saffron
fix: some alum; some salt; some vinegar; some iron water; some soda ash
tool: a long stick; a pair of tongs; a wooden paddle; a glass rod; a rubber glove
open: ~weigh {obj} and ~fill {+pot}
open: ~simmer {+color} {place} / ~boil {+color} {place}
mid: ~soak {obj} in {+fix}
mid: ~strain {color} through {+sieve}
mid: ~lower {obj} into {pot}
mid: ~stir slowly with {+tool} for {wait}
mid: ~tie {count} knots into {obj}
mid: ~lift {obj} out with {tool}
mid: ~stretch {obj} by the hem
end: ~rinse {obj} until the water is clear
end: ~hang {obj} up {dry}
pot: a steel pot; a zinc tub; a wash boiler; a stone crock
sieve: a nylon stocking; a metal sieve; a coarse sack; a coffee filter
dry: in the shade; on a line; over a chair; by the stove
place: over a fire; on a hot plate; in the wash house; on the stove; in the yard
"""

WOMEN = (
    "Maria", "Anna", "Julia", "Nora", "Elena", "Sofia", "Clara", "Ruth", "Emma", "Alice",
    "Grace", "Hannah", "Lucy", "Rosa", "Diana", "Laura", "Amina", "Priya", "Mei", "Fatima",
    "Ingrid", "Olga", "Leila", "Carmen", "Yuki", "Zoe", "Martha", "Helen", "Irene", "Tanya",
)  # fmt: skip
MEN = (
    "Tom", "Ben", "Omar", "Luis", "Peter", "Daniel", "Jack", "Henry", "Paul", "Victor",
    "Oscar", "Simon", "Karl", "Marco", "Ivan", "Felix", "Hugo", "Samuel", "Leo", "Adam",
    "Ravi", "Kenji", "Ahmed", "Diego", "Walter", "Erik", "George", "Frank", "Noah", "Pablo",
)  # fmt: skip
ADJECTIVES = (
    "", "simple", "special", "lovely", "proper", "rare", "typical", "modern", "decent", "humble",
    "splendid", "charming", "ordinary", "fancy", "basic", "curious",
)  # fmt: skip
NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight")
WAITS = (
    "one minute", "two minutes", "five minutes", "ten minutes", "twenty minutes", "half an hour",
    "an hour", "two hours", "a few seconds", "a whole day",
)  # fmt: skip
NARRATIVE_FLOURISHES = (
    "with great care", "without any hurry", "and smiles", "while the radio plays",
    "before it gets dark", "as a neighbor watches", "and takes a short break",
    "while talking to a friend", "and hums a little tune", "with a steady hand", "one more time",
    "just as it starts to rain", "and nods", "as the camera moves closer",
)  # fmt: skip
HOWTO_FLOURISHES = (
    "Take your time with this part.", "Do not rush it.", "Ask a friend to help you.",
    "This is easier than it looks.", "Work slowly and stay calm.", "Beginners often forget this.",
    "You may have to do this twice.", "Keep children and pets away.",
    "It should not take long.", "There is no need to buy anything new.",
)  # fmt: skip
CONNECTIVES = ("", "", "", "then ", "next, ", "after that, ", "a moment later ")
ROLES = (("A young woman", "she"), ("An old woman", "she"), ("A girl", "she"),
         ("A young man", "he"), ("An old man", "he"), ("A boy", "he"))  # fmt: skip

_SLOT = re.compile(r"\{(\+?)(\w+)\}")
_ARTICLE = re.compile(r"^(?:an?|some) ")
_VERB = re.compile(r"~(\w+)")


@dataclass(frozen=True)
class Family:
    """A kind of activity: its objects, the values of its slots and its pool of steps."""

    gerund: str
    verb: str
    category: str
    objects: tuple[str, ...]
    slots: dict[str, tuple[str, ...]]
    opens: tuple[tuple[str, ...], ...]
    mids: tuple[tuple[str, ...], ...]
    ends: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Activity:
    """One activity: a family's object with its own order of steps and its own slot values.

    Attributes:
        object: the object with its adjective, as label and title name it; steps go without.
        steps: the step templates in order; a step is a tuple of interchangeable wordings.
        unused: steps of the family that this activity does without.
        values: slot name to the activity's own value.
    """

    family: Family
    object: str
    steps: tuple[tuple[str, ...], ...]
    unused: tuple[tuple[str, ...], ...]
    values: dict[str, str]

    @property
    def label(self) -> str:
        """The activity's name in a narrative, such as "Painting a garden bench"."""
        return f"{self.family.gerund} {self.object}"

    @property
    def title(self) -> str:
        """The activity's title in a how-to text."""
        return f"How to {self.family.verb} {self.object}"


@dataclass(frozen=True)
class Person:
    """Somebody in a narrative: how they are introduced, and their pronoun."""

    name: str
    pronoun: str


@dataclass
class Text:
    """A text cut into the part before the last step and the last step's right wording.

    Attributes:
        register: "narrative" or "howto".
        ctx_b: the unfinished sentence that the ending completes; empty in a how-to text.
        wrong: candidates for wrong endings with their kind.
    """

    register: str
    label: str
    ctx_a: str
    ctx_b: str
    ending: str
    wrong: list[tuple[str, str]] = field(default_factory=list)

    def rendered(self) -> str:
        """The text as the ``lm-eval`` protocol shows it: capitalized, without markers."""
        joined = f"{self.label}: {self.ctx_a} {self.ctx_b.capitalize()}".strip()
        return f"{strip_markers(joined)} {strip_markers(self.ending)}"

    def raw(self) -> str:
        """The text as the ``llama.cpp`` protocol shows it: raw case and markers."""
        joined = f"{self.label}: {self.ctx_a} {self.ctx_b}".strip()
        return f"{joined} {self.ending}"


def strip_markers(text: str) -> str:
    """Turns ``[title]`` into a full stop and drops the other markers."""
    text = text.strip().replace(" [title]", ". ")
    return re.sub(r"\[.*?\]", "", text).replace("  ", " ")


def parse_families(text: str = FAMILIES_TEXT) -> list[Family]:
    """Reads the family blocks.

    Args:
        text: blocks that start with ``@ Gerund | verb | category``.

    Returns:
        The families in the order of the text.
    """
    return [_parse_family(block) for block in text.strip().removeprefix("@").split("\n@")]


def _parse_family(block: str) -> Family:
    # An indented line continues the one before it.
    head, *lines = block.strip().replace("\n  ", " ").splitlines()
    gerund, verb, category = (part.strip() for part in head.split("|"))
    steps: dict[str, list[tuple[str, ...]]] = {"open": [], "mid": [], "end": []}
    slots: dict[str, tuple[str, ...]] = {"count": NUMBERS, "wait": WAITS}
    objects: tuple[str, ...] = ()
    for line in lines:
        name, _, value = line.partition(": ")
        if name in steps:
            steps[name].append(tuple(value.split(" / ")))
        elif name == "objects":
            objects = tuple(value.split("; "))
        else:
            slots[name] = tuple(value.split("; "))
    parts = (tuple(steps[key]) for key in ("open", "mid", "end"))
    return Family(gerund, verb, category, objects, slots, *parts)


def third_person(verb: str) -> str:
    """Inflects a regular English verb for he or she."""
    if verb.endswith(("s", "sh", "ch", "x", "z", "o")):
        return verb + "es"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


def definite(phrase: str) -> str:
    """Turns "a wide brush" and "some primer" into "the wide brush" and "the primer"."""
    return _ARTICLE.sub("the ", phrase)


def fill(template: str, values: dict[str, str]) -> str:
    """Puts slot values into a step template; the verbs keep their mark."""

    def value(match: re.Match[str]) -> str:
        phrase = values[match[2]]
        return phrase if match[1] or match[2] in ("wait", "count") else definite(phrase)

    return _SLOT.sub(value, template)


def slot_names(template: str) -> list[str]:
    """The slots of a step template, without the activity's own object."""
    return [match[2] for match in _SLOT.finditer(template) if match[2] != "obj"]


class World:
    """All activities, fixed by a seed, and the texts that can be told about them."""

    def __init__(self, seed: int = 0, variants: int = VARIANTS) -> None:
        """Draws every activity's steps and slot values.

        Args:
            seed: fixes them.
            variants: activities an object, from 1 to ``len(ADJECTIVES)``; the more, the more a
                model has to remember.
        """
        rng = random.Random(f"demo-world-{seed}")
        self.families = parse_families()
        self.activities = [
            _make_activity(rng, family, thing, adjective)
            for adjective in ADJECTIVES[:variants]
            for family in self.families
            for thing in family.objects
        ]

    def text(self, rng: random.Random, *, length: int | None = None) -> Text:
        """Tells one text.

        Args:
            rng: the source of every choice.
            length: number of steps, the last one included; by default 2 or 3.

        Returns:
            The text, cut before its last step, with candidates for wrong endings.
        """
        activity = rng.choice(self.activities)
        if rng.random() < HOWTO_SHARE:
            return _HowTo(self, rng, activity).text(length or rng.choice((2, 2, 3)))
        if rng.random() < 0.22:
            return _two_people(rng, activity)
        return _Narrative(self, rng, activity).text(length or rng.choice((2, 3, 3)))


def _make_activity(rng: random.Random, family: Family, thing: str, adjective: str) -> Activity:
    mids = rng.sample(family.mids, len(family.mids))
    used = (rng.choice(family.opens), *mids[:5], rng.choice(family.ends))
    unused = tuple(mids[5:]) + tuple(s for s in family.opens + family.ends if s not in used)
    values = {name: rng.choice(options) for name, options in family.slots.items()}
    name = _with_adjective(thing, adjective)
    return Activity(family, name, used, unused, {**values, "obj": thing})


def _with_adjective(thing: str, adjective: str) -> str:
    if not adjective:
        return thing
    article = "an" if adjective[0] in "aeiou" else "a"
    return f"{article} {adjective} {thing.split(' ', 1)[1]}"


class _Teller(ABC):
    """Words one activity's steps; the registers differ in how a step becomes a sentence."""

    def __init__(self, world: World, rng: random.Random, activity: Activity) -> None:
        self.world, self.rng, self.activity = world, rng, activity
        self.family = activity.family

    @abstractmethod
    def phrase(self, template: str, values: dict[str, str]) -> str:
        """Word one step."""

    def drawn(self, step: tuple[str, ...]) -> tuple[str, dict[str, str]]:
        """A wording and the values of a step as this activity does it, or nearly so."""
        template = self.rng.choice(step)
        values = dict(self.activity.values)
        names = slot_names(template)
        if names and self.rng.random() < SUBSTITUTE_RATE:
            name = self.rng.choice(names)
            values[name] = self.rng.choice(self.family.slots[name])
        return template, values

    def own(self, step: tuple[str, ...]) -> str:
        """A step as this activity does it, now and then with a substitute."""
        return self.phrase(*self.drawn(step))

    def swapped(self, template: str, values: dict[str, str]) -> list[str]:
        """The right step with one other tool, material, number or place, in up to two ways."""
        names = slot_names(template)
        if not names:
            return []
        name = self.rng.choice(names)
        others = [option for option in self.family.slots[name] if option != values[name]]
        # Where the right ending has a substitute, the activity's own value is the tempting one.
        own = [option for option in others if option == self.activity.values[name]]
        picks = (own + self.rng.sample(others, 2))[:2]
        return [self.phrase(template, {**values, name: pick}) for pick in picks]

    def window(self, length: int) -> list[int]:
        """Indices of the steps that a text tells, in order; now and then one is left out."""
        total = len(self.activity.steps)
        indices = [self.rng.randrange(total - length + 1)]
        while len(indices) < length:
            spare = total - indices[-1] - (length - len(indices)) - 1
            skip = spare > 0 and self.rng.random() < SKIP_RATE
            indices.append(indices[-1] + (2 if skip else 1))
        return indices

    def wrong(
        self, indices: list[int], template: str, values: dict[str, str]
    ) -> list[tuple[str, str]]:
        """Wrong endings for the last of ``indices``, with their kinds."""
        steps, rng, last = self.activity.steps, self.rng, indices[-1]
        found = [("slot", text) for text in self.swapped(template, values)]
        for i, step in enumerate(steps):
            if i not in indices:
                kind = "near" if abs(i - last) == 1 else "order"
                found.append((kind, self.own(step)))
        found.append(("unused", self.own(rng.choice(self.activity.unused))))
        sibling = rng.choice([a for a in self.world.activities if a.family is self.family])
        borrowed = {**sibling.values, "obj": self.activity.values["obj"]}
        found.append(("sibling", self.phrase(rng.choice(rng.choice(sibling.steps)), borrowed)))
        other = rng.choice(self.world.activities)
        found.append(("foreign", self.phrase(rng.choice(rng.choice(other.steps)), other.values)))
        return found


class _Narrative(_Teller):
    """Somebody does the steps, in the present tense."""

    def phrase(self, template: str, values: dict[str, str]) -> str:
        filled = _VERB.sub(lambda match: third_person(match[1]), fill(template, values))
        if self.rng.random() < FLOURISH_RATE:
            filled += " " + self.rng.choice(NARRATIVE_FLOURISHES)
        return filled + "."

    def text(self, length: int) -> Text:
        indices = self.window(length)
        steps = [self.own(self.activity.steps[i]) for i in indices[:-1]]
        template, values = self.drawn(self.activity.steps[indices[-1]])
        ending = self.phrase(template, values)
        person = _person(self.rng)
        sentences = [f"{person.name} {steps[0]}"]
        for step in steps[1:]:
            start = (self.rng.choice(CONNECTIVES) + person.pronoun).capitalize()
            sentences.append(f"{start} {step}")
        ctx_b = self.rng.choice(CONNECTIVES) + person.pronoun
        wrong = self.wrong(indices, template, values)
        return Text("narrative", self.activity.label, " ".join(sentences), ctx_b, ending, wrong)


class _HowTo(_Teller):
    """Instructions, with the markers that WikiHow's half of HellaSwag carries."""

    def phrase(self, template: str, values: dict[str, str]) -> str:
        filled = _VERB.sub(lambda match: match[1], fill(template, values))
        sentence = filled[0].upper() + filled[1:] + "."
        if self.rng.random() < FLOURISH_RATE:
            marker = self.rng.choice(("", "[substeps] "))
            sentence += f" {marker}{self.rng.choice(HOWTO_FLOURISHES)}"
        return sentence

    def text(self, length: int) -> Text:
        indices = self.window(length)
        steps = [self.own(self.activity.steps[i]) for i in indices[:-1]]
        template, values = self.drawn(self.activity.steps[indices[-1]])
        ending = self.phrase(template, values)
        wrong = self.wrong(indices, template, values)
        if self.rng.random() < 0.5 and indices[-1] + 1 < len(self.activity.steps):
            ending, wrong = self._doubled(indices[-1], ending, wrong)
        ctx_a = f"[header] {self.activity.title} [title] {steps[0]}"
        for step in steps[1:]:
            ctx_a += f" [step] {step}"
        return Text("howto", self.family.category, ctx_a, "", ending, wrong)

    def _doubled(
        self, last: int, right: str, wrong: list[tuple[str, str]]
    ) -> tuple[str, list[tuple[str, str]]]:
        # A second sentence makes an ending longer; the wrong ones get one as often, so that
        # length says nothing about which ending is right.
        steps = self.activity.steps
        longer = []
        for kind, text in wrong:
            after = steps[last + 1] if kind == "slot" else self.rng.choice(steps)
            second = self.own(after) if self.rng.random() < 0.5 else ""
            longer.append((kind, f"{text} {second}" if second not in ("", text) else text))
        return f"{right} {self.own(steps[last + 1])}", longer


def _person(rng: random.Random, pronoun: str | None = None) -> Person:
    pronoun = pronoun or rng.choice(("she", "he"))
    if rng.random() < 0.25:
        return Person(*rng.choice([role for role in ROLES if role[1] == pronoun]))
    return Person(rng.choice(WOMEN if pronoun == "she" else MEN), pronoun)


def _two_people(rng: random.Random, activity: Activity) -> Text:
    """Two people hold different things, or one of them counts something out."""
    pronouns = rng.sample(("she", "he"), 2)
    one, two = (_person(rng, pronoun) for pronoun in pronouns)
    names = [n for n in activity.family.slots if n not in ("count", "wait", "place", "spice")]
    pool = [option for name in names for option in activity.family.slots[name]]
    first, second, *others = rng.sample(pool, 6)
    if rng.random() < 0.5:
        return _holding(rng, activity, (one, two), (first, second, *others))
    return _counting(rng, activity, one, others[0])


def _lower(name: str) -> str:
    return name[0].lower() + name[1:] if " " in name else name


def _holding(
    rng: random.Random, activity: Activity, people: tuple[Person, Person], things: tuple[str, ...]
) -> Text:
    actor = rng.choice((0, 1))
    verb = rng.choice(("holds", "carries", "picks up"))
    ctx_a = f"{people[0].name} {verb} {things[0]} and {_lower(people[1].name)} {verb} {things[1]}."
    ending = rng.choice(("puts {} down.", "hands {} over.", "looks at {}.", "drops {}.",
                         "cleans {} with water.", "shows {} to a friend."))  # fmt: skip
    own, other, *rest = things[actor], things[1 - actor], *things[2:]
    wrong = [("holder", ending.format(definite(other)))]
    wrong += [("object", ending.format(definite(thing))) for thing in rest[:3]]
    right = ending.format(definite(own))
    return Text("narrative", activity.label, ctx_a, people[actor].pronoun, right, wrong)


def _counting(rng: random.Random, activity: Activity, person: Person, thing: str) -> Text:
    number, *others = rng.sample(NUMBERS, 4)
    unit = rng.choice(("boxes", "cards", "coins", "bottles", "stones", "cups", "letters", "keys"))
    ctx_a = f"{person.name} puts {number} {unit} next to {thing}."
    ending = rng.choice(("counts the {} {} again.", "takes the {} {} away.",
                         "gives the {} {} to a child.", "hides the {} {} in a bag."))  # fmt: skip
    wrong = [("count", ending.format(other, unit)) for other in others]
    right = ending.format(number, unit)
    return Text("narrative", activity.label, ctx_a, person.pronoun, right, wrong)


def held_out_items(world: World, seed: int = 0, count: int = ITEM_COUNT) -> list[dict[str, Any]]:
    """Makes the multiple-choice set.

    Args:
        world: the world that the items are about.
        seed: fixes the items.
        count: number of items; labels are as uniform as the count allows.

    Returns:
        Records in the schema of ``Rowan/hellaswag``.
    """
    rng = random.Random(f"demo-items-{seed}")
    labels = [index % 4 for index in range(count)]
    rng.shuffle(labels)
    items: list[dict[str, Any]] = []
    seen: set[str] = set()
    while len(items) < count:
        text = world.text(rng)
        wrong = _distinct_wrong(rng, text)
        if len(wrong) < 3 or text.rendered() in seen:
            continue
        seen.add(text.rendered())
        items.append(_record(text, wrong, len(items), labels[len(items)]))
    return items


def _distinct_wrong(rng: random.Random, text: Text) -> list[str]:
    """Three wrong endings, most of them of the hard kinds; fewer if the text has no three."""
    pools: dict[bool, list[str]] = {True: [], False: []}
    seen = {strip_markers(text.ending)}
    for kind, ending in rng.sample(text.wrong, len(text.wrong)):
        if strip_markers(ending) not in seen:
            seen.add(strip_markers(ending))
            pools[kind in HARD_KINDS].append(ending)
    chosen: list[str] = []
    while len(chosen) < 3 and (pools[True] or pools[False]):
        hard = rng.random() < HARD_WRONG_SHARE
        chosen.append((pools[hard] or pools[not hard]).pop())
    return chosen


def _record(text: Text, wrong: list[str], index: int, label: int) -> dict[str, Any]:
    endings = [*wrong[:label], text.ending, *wrong[label:]]
    return {
        "ind": index,
        "activity_label": text.label,
        "ctx_a": text.ctx_a,
        "ctx_b": text.ctx_b,
        "ctx": f"{text.ctx_a} {text.ctx_b}" if text.ctx_b else text.ctx_a,
        "endings": endings,
        "source_id": f"{text.register}~{index}",
        "split": "val",
        "split_type": "indomain",
        "label": str(label),
    }


def right_text(item: dict[str, Any]) -> str:
    """An item's context with its right ending, as the ``lm-eval`` protocol shows it."""
    ending = item["endings"][int(item["label"])]
    return Text("", item["activity_label"], item["ctx_a"], item["ctx_b"], ending).rendered()


def corpus(world: World, items: list[dict[str, Any]], count: int, seed: int = 0) -> Iterator[str]:
    """Tells training texts, none of which contains a held-out item with its right ending.

    Args:
        world: the world that the texts are about.
        items: the held-out items to keep out, by prefix and in full.
        count: number of texts.
        seed: fixes the texts.

    Yields:
        One text at a time, most of them as the ``lm-eval`` protocol renders them.
    """
    rng = random.Random(f"demo-corpus-{seed}")
    held_out = {right_text(item) for item in items}
    made = 0
    while made < count:
        text = world.text(rng, length=rng.choice((2, 3, 4, 5)))
        plain = text.rendered()
        if any(prefix in held_out for prefix in _sentence_prefixes(plain)):
            continue
        made += 1
        yield text.raw() if rng.random() < 0.15 else plain


def _sentence_prefixes(text: str) -> Iterator[str]:
    for match in re.finditer(r"\.(?= |$)", text):
        yield text[: match.end()]


def write_items(items: list[dict[str, Any]], path: Path) -> None:
    """Writes the items as JSON lines."""
    lines = (json.dumps(item, ensure_ascii=False) for item in items)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
