#!/bin/sh
# The campaign: every section of the paper, measured, in the order in which it is run.
#
#     sh results/campaign.sh DATA STORE
#
# DATA is the folder of data sets, STORE that of results. It may be stopped at any moment and started again: what is
# stored is not trained twice, and `lth merge results --store STORE` begins with what is committed.
# The images are the JPEG copy of CIFAR-10 (CIFAR=cifar10 takes the original). Between two trainings the networks with
# convolutions are pruned twice (VGG-19 three times), as the profile laptop has it; in brackets, the percentages of
# weights remaining. Hours are of one core of a quiet Xeon with AMX, as `lth cost` predicts them; what was run says what it
# took.
set -eu
CIFAR=${CIFAR:-cifar10_jpeg}
DATA=${1:?the folder of data sets} STORE=${2:?the folder of results}

train() { lth run "$@" --data-root "$DATA" --store "$STORE"; }
images() { network=$1; shift; train "$network" --profile laptop --data "$CIFAR" "$@"; }

# 1. VGG-19 at a quarter of its width, 6,000 iterations, three trials (Figure 7): tickets [50 to 1.7 %], reinit [13, 1.7].
#    Predicted: 81 trainings of 7.4 min, 10 h (Xeon with AMX). Taken: 34 in 9 h, of lr0.1 and warmup (half of them on an
#    AMD EPYC, the other half beside other work), and the first trial of lr0.01, 9 in 2.4 h beside other work.
for setting in lr0.1 warmup lr0.01; do
  images vgg19 --setting $setting --trials 3 --arms ticket,reinit --set branch_step=3
done

# 2. Conv-2, 5,000 iterations, three trials (Figures 1, 5, 14): tickets [64 to 4.6 %]; reinit and random [41, 17, 4.6].
#    Predicted: 42 trainings of 4.7 min, 3.3 h. Taken: 12 of the first trial in 2.6 h, beside other work (left of
#    it: reinit and random at 4.6 %). One trial of every network comes before the second of any.
images conv2 --arms ticket,reinit,random --rounds 4
images conv2 --arms ticket,reinit,random --rounds 7 --set branch_step=7

# 3. Conv-4, 5,000 iterations, three trials (Figure 5): tickets [66 to 9.2 %], reinit [44, 13].
#    Predicted: 27 trainings of 7 min, 3.2 h.
images conv4 --arms ticket,reinit --rounds 2
images conv4 --arms ticket,reinit --rounds 6 --set branch_step=5

# 4. ResNet-20, 6,000 iterations, two trials (Figure 8): tickets [64 to 18 %], reinit [42, 18].
#    Predicted: 42 trainings of 18 min, 12.5 h.
for setting in lr0.1 lr0.01 warmup; do
  images resnet20 --setting $setting --trials 2 --rounds 4 --arms ticket,reinit --set branch_step=2
done

# 5. Conv-2 with dropout, 15,000 iterations, two trials (Figure 6): tickets [64 to 17 %], reinit [41, 17]; and the dense
#    network without dropout in as many iterations. Predicted: 16 trainings of 15 min, 4.1 h.
images conv2 --setting dropout --trials 2 --rounds 4 --arms ticket,reinit
images conv2 --trials 2 --rounds 0 --arms ticket --iterations 15000

# 6. Lenet at the paper's own size: 50,000 iterations, 28 rounds, five trials (Figures 1, 3, 4, 14).
#    Predicted: 5.0 h for tickets and reinit.
train lenet --profile paper --arms ticket,reinit --reinits 1
train lenet --profile paper --arms ticket,random --randoms 1 --set branch_step=2
train lenet --profile paper --arms oneshot,oneshot_reinit --reinits 1 --set oneshot_step=3

# 7. Conv-6, 6,000 iterations, one trial (Figure 5): tickets [68 to 15 %], reinit [46, 22].
#    Predicted: 8 trainings of 10 min, 1.3 h.
images conv6 --trials 1 --rounds 5 --arms ticket,reinit

# 8. Conv-2 with each of the four input scalings, two trials: dense, tickets [64 to 7 %].
for inputs in raw unit standard channel; do
  images conv2 --trials 2 --rounds 6 --arms ticket --set inputs=$inputs
done

# 9. Sweeps and appendices: lengths of warmup (W2; the paper's 0 to 10,000 of 30,000 iterations), layer-wise pruning,
#    momentum (G3), the two largest networks (G6), Conv-4 with dropout (H2), Conv-2 at two more learning rates.
for warmup in 0 1000 2000 200 100; do
  images resnet20 --trials 1 --rounds 4 --arms ticket --set warmup=$warmup
done
images resnet20 --trials 1 --rounds 4 --arms ticket --set scope=layer
for lr in 0.0125 0.025 0.05 0.1; do
  train lenet --profile laptop --trials 1 --rounds 11 --arms ticket --set optimiser=sgd --set momentum=0.9 --set lr=$lr
done
for width in 1.6666666666666667 3.0; do
  train lenet --profile laptop --trials 1 --rounds 11 --arms ticket --set width=$width
done
images conv4 --setting dropout --trials 1 --rounds 6 --arms ticket
for lr in 0.0001 0.0004; do
  images conv2 --trials 1 --rounds 6 --arms ticket --set lr=$lr
done
