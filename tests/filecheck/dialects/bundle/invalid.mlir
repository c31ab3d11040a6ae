// RUN: DSF_VERIFY_DIAG

"test.op"() {type = !bundle.q<0, 0>} : () -> ()
// CHECK: 'bundle.q': 0 bits, needs 1 to 64; change the width

// -----

"test.op"() {type = !bundle.q<8, 65>} : () -> ()
// CHECK: 'bundle.q': 65 fraction bits, needs -64 to 64; change the fraction

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = bundle.conv %x weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<1x4x4x2xi8> -> tensor<1x2x2x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv': elements of type i8, needs !bundle.q<bits, frac> or !bundle.affine<bits, scale, zero_point>; change the element type

// -----

%x = "test.op"() : () -> tensor<4x8x!bundle.q<8, 4>>
%y = bundle.conv %x weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<4x8x!bundle.q<8, 4>> -> tensor<1x2x2x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv': input of shape 4x8, needs (N, H, W, C); reshape or flatten it first

// -----

%x = "test.op"() : () -> tensor<?x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv %x weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<?x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x2x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv': input of shape ?x4x4x2, needs static sizes of at least 1; fix the shape

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv %x strides [0, 1] weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x2x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv': strides [0, 1], needs 2 integers of at least 1; correct the list

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv %x padding [1, 1] weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x2x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv': padding [1, 1], needs 4 integers of at least 0; correct the list

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv %x dilation [1, 1, 1] weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x2x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv': dilation [1, 1, 1], needs 2 integers of at least 1; correct the list

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv %x weights q<4, 3> dense<0.5> : tensor<18x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x2x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv': weights of rank 2, needs (KH, KW, CI / groups, CO); reshape the weights

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv %x weights q<4, 3> dense<1> : tensor<3x3x2x4xi8> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x2x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv': weights of type i8, needs f64; give real numbers

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv %x groups 3 weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x2x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv': 3 groups, needs a divisor of 2 input and 4 output channels; change the groups

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv %x weights q<4, 3> dense<0.5> : tensor<3x3x3x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x2x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv': weights for 3 input channels per group, needs 2; correct the weights' shape

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv %x weights q<4, 3> dense<0.5> : tensor<5x3x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x2x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv': window spans 5x3 elements, needs a padded image at least as large and has 4x4; use a smaller kernel or padding='same'

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv %x weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x4x4x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv': result of shape 1x4x4x4, needs 1x2x2x4; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv %x weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x2x4x!bundle.q<24, 8>>
// CHECK: 'bundle.conv': a sum with 8 fraction bits, needs 7, those of the input and the weights together; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv %x weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> bias q<16, 23> dense<1.0> : tensor<4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x2x4x!bundle.q<40, 23>>
// CHECK: 'bundle.conv': a bias with 23 fraction bits, needs at most 22, those of the products and 15; use fewer bias_frac_bits

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv %x weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> bias q<16, 8> dense<1.0> : tensor<4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x2x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv': a sum with 7 fraction bits, needs 8, those of the bias; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv %x weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> bias q<16, 5> dense<1> : tensor<4xi8> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x2x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv': bias of type i8, needs f64; give real numbers

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv %x weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> bias q<16, 5> dense<1.0> : tensor<3xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x2x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv': bias of shape 3, needs one value for each of 4 channels; correct the shape

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv_transpose %x strides [0, 1] weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x6x6x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv_transpose': strides [0, 1], needs 2 integers of at least 1; correct the list

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv_transpose %x padding [1, 1] weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x6x6x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv_transpose': padding [1, 1], needs 4 integers of at least 0; correct the list

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv_transpose %x output_padding [1, -1] weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x6x6x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv_transpose': output_padding [1, -1], needs 2 integers of at least 0; correct the list

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv_transpose %x weights q<4, 3> dense<0.5> : tensor<18x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x6x6x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv_transpose': weights of rank 2, needs (KH, KW, CI / groups, CO); reshape the weights

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv_transpose %x groups 3 weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x6x6x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv_transpose': 3 groups, needs a divisor of 2 input and 4 output channels; change the groups

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv_transpose %x padding [3, 3, 0, 0] weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x6x6x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv_transpose': window an output of 0x6, needs at least 1x1; use less padding, which crops the output

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv_transpose %x strides [2, 2] weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x6x6x4x!bundle.q<24, 7>>
// CHECK: 'bundle.conv_transpose': result of shape 1x6x6x4, needs 1x9x9x4; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.conv_transpose %x weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> bias q<16, 23> dense<1.0> : tensor<4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x6x6x4x!bundle.q<40, 23>>
// CHECK: 'bundle.conv_transpose': a bias with 23 fraction bits, needs at most 22, those of the products and 15; use fewer bias_frac_bits

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = "bundle.dense"(%x) <{weights = dense<0.5> : tensor<3x5xf64>, weights_type = !bundle.q<4, 3>, bias_type = !bundle.q<16, 5>}> : (tensor<2x3x!bundle.q<8, 4>>) -> tensor<2x5x!bundle.q<24, 7>>
// CHECK: 'bundle.dense': a bias without a type, or a type without a bias, needs both; add what is missing

// -----

%x = "test.op"() : () -> tensor<2x1x1x3x!bundle.q<8, 4>>
%y = bundle.dense %x weights q<4, 3> dense<0.5> : tensor<3x5xf64> : tensor<2x1x1x3x!bundle.q<8, 4>> -> tensor<2x5x!bundle.q<24, 7>>
// CHECK: 'bundle.dense': input of shape 2x1x1x3, needs (N, K); reshape or flatten it first

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.dense %x weights q<4, 3> dense<0.5> : tensor<4x5xf64> : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x5x!bundle.q<24, 7>>
// CHECK: 'bundle.dense': weights of shape 4x5, needs (3, CO); correct the weights' shape

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.dense %x weights q<4, 3> dense<0.5> : tensor<3x5xf64> : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x6x!bundle.q<24, 7>>
// CHECK: 'bundle.dense': result of shape 2x6, needs 2x5; correct the result type

// -----

%y = "test.op"() : () -> tensor<2x5x!bundle.q<24, 7>>
%n = bundle.batch_norm %y gamma dense<1.0> : tensor<5xf64> beta dense<1.0> : tensor<5xf64> mean dense<1.0> : tensor<5xf64> variance dense<1.0> : tensor<5xf64> epsilon 0.001 bias q<16, 5> : tensor<2x5x!bundle.q<24, 7>> -> tensor<2x5x!bundle.q<24, 7>>
// CHECK: 'bundle.batch_norm': another operand, needs a bundle.conv or bundle.dense without scales, whose sum nothing else uses; place it right after its core

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.dense %x weights q<4, 3> dense<0.5> : tensor<3x5xf64> : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x5x!bundle.q<24, 7>>
%n = bundle.batch_norm %y gamma dense<1.0> : tensor<5xf64> beta dense<1.0> : tensor<5xf64> mean dense<1.0> : tensor<5xf64> variance dense<1.0> : tensor<5xf64> epsilon 0.001 bias q<16, 5> : tensor<2x5x!bundle.q<24, 7>> -> tensor<2x5x!bundle.q<8, 4>>
// CHECK: 'bundle.batch_norm': a change of type from tensor<2x5x!bundle.q<24, 7>> to tensor<2x5x!bundle.q<8, 4>>, needs the same type; correct the result type

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.dense %x weights q<4, 3> dense<0.5> : tensor<3x5xf64> : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x5x!bundle.q<24, 7>>
%n = bundle.batch_norm %y gamma dense<1.0> : tensor<5xf64> beta dense<1.0> : tensor<5xf64> mean dense<1.0> : tensor<5xf64> variance dense<1.0> : tensor<5xf64> epsilon 0.001 bias q<16, 9> : tensor<2x5x!bundle.q<24, 7>> -> tensor<2x5x!bundle.q<24, 7>>
// CHECK: 'bundle.batch_norm': a change of type from tensor<2x5x!bundle.q<24, 7>> to tensor<2x5x!bundle.q<24, 7>>, needs tensor<2x5x!bundle.q<26, 9>>, as fine as the bias; correct the result type

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.dense %x weights q<4, 3> dense<0.5> : tensor<3x5xf64> : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x5x!bundle.q<24, 7>>
%n = bundle.batch_norm %y gamma dense<1.0> : tensor<5xf64> beta dense<1.0> : tensor<5xf64> mean dense<1.0> : tensor<5xf64> variance dense<1.0> : tensor<5xf64> epsilon 0.001 : tensor<2x5x!bundle.q<24, 7>> -> tensor<2x5x!bundle.q<24, 7>>
// CHECK: 'bundle.batch_norm': no type for the folded bias, needs bias q<bits, frac>; add it

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.dense %x weights q<4, 3> dense<0.5> : tensor<3x5xf64> : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x5x!bundle.q<24, 7>>
%n = bundle.batch_norm %y gamma dense<1.0> : tensor<4xf64> beta dense<1.0> : tensor<5xf64> mean dense<1.0> : tensor<5xf64> variance dense<1.0> : tensor<5xf64> epsilon 0.001 bias q<16, 5> : tensor<2x5x!bundle.q<24, 7>> -> tensor<2x5x!bundle.q<24, 7>>
// CHECK: 'bundle.batch_norm': gamma of shape 4, needs one value for each of 5 channels; correct the shape

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.dense %x weights q<4, 3> dense<0.5> : tensor<3x5xf64> : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x5x!bundle.q<24, 7>>
%n = bundle.batch_norm %y gamma dense<1> : tensor<5xi8> beta dense<1.0> : tensor<5xf64> mean dense<1.0> : tensor<5xf64> variance dense<1.0> : tensor<5xf64> epsilon 0.001 bias q<16, 5> : tensor<2x5x!bundle.q<24, 7>> -> tensor<2x5x!bundle.q<24, 7>>
// CHECK: 'bundle.batch_norm': gamma of type i8, needs f64; give real numbers

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.dense %x weights q<4, 3> dense<0.5> : tensor<3x5xf64> : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x5x!bundle.q<24, 7>>
%n = bundle.batch_norm %y gamma dense<1.0> : tensor<5xf64> beta dense<1.0> : tensor<5xf64> mean dense<1.0> : tensor<5xf64> variance dense<-1.0> : tensor<5xf64> epsilon 0.001 bias q<16, 5> : tensor<2x5x!bundle.q<24, 7>> -> tensor<2x5x!bundle.q<24, 7>>
// CHECK: 'bundle.batch_norm': variance + epsilon of -0.999, needs a positive number; enlarge epsilon

// -----

%x = "test.op"() : () -> tensor<1x2x2x3x!bundle.q<8, 4>>
%y = bundle.activation %x : tensor<1x2x2x3x!bundle.q<8, 4>> -> tensor<1x12x!bundle.q<8, 4>>
// CHECK: 'bundle.activation': result of shape 1x12, needs 1x2x2x3; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x2x2x3x!bundle.q<8, 4>>
%y = bundle.activation %x negative_slope 0.3 : tensor<1x2x2x3x!bundle.q<8, 4>> -> tensor<1x2x2x3x!bundle.q<8, 4>>
// CHECK: 'bundle.activation': negative slope 0.3, needs 0 or 2**-k with k from 0 to 15; choose the nearest power of two

// -----

%a, %b = "test.op"() : () -> (tensor<1x2x2x3x!bundle.q<8, 4>>, tensor<1x12x!bundle.q<8, 4>>)
%y = bundle.add %a, %b : tensor<1x2x2x3x!bundle.q<8, 4>>, tensor<1x12x!bundle.q<8, 4>> -> tensor<1x2x2x3x!bundle.q<8, 4>>
// CHECK: 'bundle.add': operands of shapes 1x2x2x3 and 1x12, needs 1x2x2x3 or 1x1x1x3 or 1x3 as the second; match the two branches

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.pool max %x size [2, 2] padding [2, 0, 0, 0] : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x3x3x2x!bundle.q<8, 4>>
// CHECK: 'bundle.pool': padding [2, 0, 0, 0], needs less than the window, 2x2; pad less, so that each window covers an element

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.pool max %x size [2, 2] : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x3x3x4x!bundle.q<8, 4>>
// CHECK: 'bundle.pool': result of shape 1x3x3x4, needs 1x3x3x2; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x4x4x2x!bundle.q<8, 4>>
%y = bundle.pool min %x size [2, 2] : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x3x3x2x!bundle.q<8, 4>>
// CHECK: Expected `max`, or `avg`

// -----

%x = "test.op"() : () -> tensor<1x12x!bundle.q<8, 4>>
%y = bundle.flatten %x : tensor<1x12x!bundle.q<8, 4>> -> tensor<1x12x!bundle.q<8, 4>>
// CHECK: 'bundle.flatten': input of shape 1x12, needs (N, H, W, C); reshape or flatten it first

// -----

%x = "test.op"() : () -> tensor<1x2x2x3x!bundle.q<8, 4>>
%y = bundle.flatten %x : tensor<1x2x2x3x!bundle.q<8, 4>> -> tensor<1x12x!bundle.q<8, 3>>
// CHECK: 'bundle.flatten': a change of type from !bundle.q<8, 4> to !bundle.q<8, 3>, needs the same type; quantise in an activation

// -----

%x = "test.op"() : () -> tensor<1x12x!bundle.q<8, 4>>
%y = bundle.softmax %x : tensor<1x12x!bundle.q<8, 4>> -> tensor<1x12x!bundle.q<8, 4>>
// CHECK: 'bundle.softmax': probabilities of type !bundle.q<8, 4>, needs f64; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x2x2x3x!bundle.q<8, 4>>
%y = bundle.bundle "b" -> tensor<1x12x!bundle.q<8, 4>> {
  bundle.yield %x : tensor<1x2x2x3x!bundle.q<8, 4>>
}
// CHECK: 'b': no layer or no yield of one value, needs both; add them

// -----

%x = "test.op"() : () -> tensor<1x2x2x3x!bundle.q<8, 4>>
%y = bundle.bundle "b" -> tensor<1x2x2x3x!bundle.q<8, 4>> {
  %f = bundle.flatten %x : tensor<1x2x2x3x!bundle.q<8, 4>> -> tensor<1x12x!bundle.q<8, 4>>
  bundle.yield %f : tensor<1x12x!bundle.q<8, 4>>
}
// CHECK: 'b': yields tensor<1x12x!bundle.q<8, 4>>, needs tensor<1x2x2x3x!bundle.q<8, 4>>; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x2x2x3x!bundle.q<8, 4>>
%y = bundle.bundle "b" -> tensor<1x2x2x3x!bundle.q<8, 4>> {
  %f = bundle.flatten %x : tensor<1x2x2x3x!bundle.q<8, 4>> -> tensor<1x12x!bundle.q<8, 4>>
  %a = bundle.activation %x : tensor<1x2x2x3x!bundle.q<8, 4>> -> tensor<1x2x2x3x!bundle.q<8, 4>>
  bundle.yield %a : tensor<1x2x2x3x!bundle.q<8, 4>>
}
// CHECK: 'b': flatten, activation, needs the order moves, core, batch_norm, activation, function, add or multiply, activation, function, pool, activation, function, moves (concat, slice, pad, resize, transpose, reshape), flatten, softmax; split the bundle

// -----

%x = "test.op"() : () -> tensor<1x2x2x3x!bundle.q<8, 4>>
%y = bundle.bundle "b" -> tensor<1x12x!bundle.q<8, 4>> {
  %a = bundle.activation %x : tensor<1x2x2x3x!bundle.q<8, 4>> -> tensor<1x2x2x3x!bundle.q<8, 4>>
  %f = bundle.flatten %x : tensor<1x2x2x3x!bundle.q<8, 4>> -> tensor<1x12x!bundle.q<8, 4>>
  bundle.yield %f : tensor<1x12x!bundle.q<8, 4>>
}
// CHECK: 'b': bundle.flatten without the result of bundle.activation, needs a chain of layers; split the bundle

// -----

%x = "test.op"() : () -> tensor<1x2x2x3x!bundle.q<8, 4>>
bundle.yield %x : tensor<1x2x2x3x!bundle.q<8, 4>>
// CHECK: 'bundle.yield' expects parent op 'bundle.bundle'

// -----

%x = "test.op"() : () -> tensor<1x2x!bundle.q<8, 4>>
%y = bundle.dense %x weights q<8, 4> dense<"0x000000000000F87F000000000000F87F"> : tensor<2x1xf64> : tensor<1x2x!bundle.q<8, 4>> -> tensor<1x1x!bundle.q<24, 8>>
// CHECK: 'bundle.dense': weights that are NaN or infinite, needs finite numbers; train with a lower rate, or replace them

// -----

"test.op"() {type = !bundle.affine<1, 1.0, 1>} : () -> ()
// CHECK: 'bundle.affine': 1 bit and a zero point of 1, needs 0; a sign has none

// -----

"test.op"() {type = !bundle.affine<8, 0.0, 0>} : () -> ()
// CHECK: 'bundle.affine': a scale of 0.0, needs a positive number; correct it

// -----

"test.op"() {type = !bundle.affine<8, 0.5, 128>} : () -> ()
// CHECK: 'bundle.affine': a zero point of 128, needs -128 to 127, an integer of 8 bits; correct it

// -----

"test.op"() {type = !bundle.sum<0>} : () -> ()
// CHECK: 'bundle.sum': 0 bits, needs 1 to 64; change the width

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.affine<8, 0.5, -3>>
%s = bundle.dense %x weights q<8, 0> dense<1.0> : tensor<3x5xf64> : tensor<2x3x!bundle.affine<8, 0.5, -3>> -> tensor<2x5x!bundle.q<24, 0>>
// CHECK: 'bundle.dense': an input of !bundle.affine<8, 0.5, -3> and no scales, needs one for each channel; add scales

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.affine<8, 0.5, -3>>
%s = bundle.dense %x weights q<8, 0> dense<1.0> : tensor<3x1xf64> scales dense<0.5> : tensor<1xf64> : tensor<2x3x!bundle.affine<8, 0.5, -3>> -> tensor<2x1x!bundle.q<24, 0>>
// CHECK: 'bundle.dense': scales and a result of !bundle.q<24, 0>, needs !bundle.sum; correct the result type

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.affine<8, 0.5, -3>>
%s = bundle.dense %x weights q<8, 0> dense<1.0> : tensor<3x1xf64> scales dense<-0.5> : tensor<1xf64> : tensor<2x3x!bundle.affine<8, 0.5, -3>> -> tensor<2x1x!bundle.sum<24>>
// CHECK: 'bundle.dense': a scale of -0.5, needs a positive number; correct it

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%s = bundle.dense %x weights q<8, 0> dense<1.0> : tensor<3x1xf64> : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x1x!bundle.sum<24>>
// CHECK: 'bundle.dense': a sum of type !bundle.sum<24>, needs !bundle.q without scales; correct the result type

// -----

%s = "test.op"() : () -> tensor<2x1x!bundle.sum<24>>
%a = bundle.activation %s : tensor<2x1x!bundle.sum<24>> -> tensor<2x1x!bundle.affine<8, 0.25, 7>>
// CHECK: 'bundle.activation': elements of type !bundle.sum<24>, needs the sum of a core; change the element type

// -----

%x = "test.op"() : () -> tensor<2x1x!bundle.affine<8, 0.25, 7>>
%a = bundle.activation %x minimum 1.0 maximum -1.0 : tensor<2x1x!bundle.affine<8, 0.25, 7>> -> tensor<2x1x!bundle.affine<8, 0.25, 7>>
// CHECK: 'bundle.activation': limits 1.0 and -1.0, needs numbers, the lower one first; correct them

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.add %x, %x minimum 1.0 maximum -1.0 : tensor<2x3x!bundle.q<8, 4>>, tensor<2x3x!bundle.q<8, 4>> -> tensor<2x3x!bundle.q<8, 4>>
// CHECK: 'bundle.add': limits 1.0 and -1.0, needs numbers, the lower one first; correct them

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.multiply %x, %x minimum 1.0 maximum -1.0 : tensor<2x3x!bundle.q<8, 4>>, tensor<2x3x!bundle.q<8, 4>> -> tensor<2x3x!bundle.q<8, 4>>
// CHECK: 'bundle.multiply': limits 1.0 and -1.0, needs numbers, the lower one first; correct them

// -----

%a, %b = "test.op"() : () -> (tensor<2x4x4x3x!bundle.q<8, 4>>, tensor<1x3x!bundle.q<8, 4>>)
%y = bundle.multiply %a, %b : tensor<2x4x4x3x!bundle.q<8, 4>>, tensor<1x3x!bundle.q<8, 4>> -> tensor<2x4x4x3x!bundle.q<8, 4>>
// CHECK: 'bundle.multiply': operands of shapes 2x4x4x3 and 1x3, needs 2x4x4x3 or 2x1x1x3 or 2x3 as the second; match the two branches

// -----

%a = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.multiply %a, %a : tensor<2x3x!bundle.q<8, 4>>, tensor<2x3x!bundle.q<8, 4>> -> tensor<2x4x!bundle.q<8, 4>>
// CHECK: 'bundle.multiply': result of shape 2x4, needs 2x3; correct the result type

// -----

%a = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.multiply %a, %a negative_slope 3.0 : tensor<2x3x!bundle.q<8, 4>>, tensor<2x3x!bundle.q<8, 4>> -> tensor<2x3x!bundle.q<8, 4>>
// CHECK: 'bundle.multiply': negative slope 3.0, needs 0 or 2**-k with k from 0 to 15; choose the nearest power of two

// -----

%a = "test.op"() : () -> tensor<3x!bundle.q<8, 4>>
%y = bundle.multiply %a, %a : tensor<3x!bundle.q<8, 4>>, tensor<3x!bundle.q<8, 4>> -> tensor<3x!bundle.q<8, 4>>
// CHECK: 'bundle.multiply': input of shape 3, needs (N, K) or (N, H, W, C); reshape or flatten it first

// -----

%a = "test.op"() : () -> tensor<2x3xi8>
%y = bundle.multiply %a, %a : tensor<2x3xi8>, tensor<2x3xi8> -> tensor<2x3x!bundle.q<8, 4>>
// CHECK: 'bundle.multiply': elements of type i8, needs !bundle.q<bits, frac> or !bundle.affine<bits, scale, zero_point>; change the element type

// -----

%x = "test.op"() : () -> tensor<2x3xi8>
%y = bundle.function tanh %x : tensor<2x3xi8> -> tensor<2x3x!bundle.q<8, 4>>
// CHECK: 'bundle.function': elements of type i8, needs !bundle.q<bits, frac> or !bundle.affine<bits, scale, zero_point>; change the element type

// -----

%x = "test.op"() : () -> tensor<3x!bundle.q<8, 4>>
%y = bundle.function tanh %x : tensor<3x!bundle.q<8, 4>> -> tensor<3x!bundle.q<8, 4>>
// CHECK: 'bundle.function': input of shape 3, needs (N, K) or (N, H, W, C); reshape or flatten it first

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.function tanh %x : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x4x!bundle.q<8, 4>>
// CHECK: 'bundle.function': result of shape 2x4, needs 2x3; correct the result type

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.function tanh parameters [1.0] %x : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x3x!bundle.q<8, 4>>
// CHECK: 'bundle.function': tanh with 1 parameters, needs none; correct the list

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.function leaky_relu parameters [0.1, 0.2] %x : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x3x!bundle.q<8, 4>>
// CHECK: 'bundle.function': leaky_relu with 2 parameters, needs 1, or none for 0.01; correct the list

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<8, 4>>
%y = bundle.function leaky_relu parameters [1.0e400] %x : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x3x!bundle.q<8, 4>>
// CHECK: 'bundle.function': parameters [inf], needs finite numbers; correct the list

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<2, 0>>
%y = bundle.function values parameters [0.1, 0.2] %x : tensor<2x3x!bundle.q<2, 0>> -> tensor<2x3x!bundle.q<8, 4>>
// CHECK: 'bundle.function': 2 values, needs 4, one for each integer of the input; correct the list

// -----

%x = "test.op"() : () -> tensor<2x3x!bundle.q<2, 0>>
%y = bundle.function values parameters [0.1, 1.0e400, 1.0, 0.2] %x : tensor<2x3x!bundle.q<2, 0>> -> tensor<2x3x!bundle.q<8, 4>>
// CHECK: 'bundle.function': parameters [inf], needs finite numbers; correct the list

// -----

%a, %b = "test.op"() : () -> (tensor<1x2x3x2x!bundle.q<8, 4>>, tensor<1x2x4x2x!bundle.q<8, 4>>)
%y = bundle.concat %a, %b : tensor<1x2x3x2x!bundle.q<8, 4>>, tensor<1x2x4x2x!bundle.q<8, 4>> -> tensor<1x2x3x4x!bundle.q<8, 4>>
// CHECK: 'bundle.concat': tensors of shapes 1x2x3x2, 1x2x4x2, needs equal sizes but for the channels; crop or pad the images

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2x!bundle.q<8, 4>>)
%y = bundle.concat %a, %a : tensor<1x2x3x2x!bundle.q<8, 4>>, tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x2x3x3x!bundle.q<8, 4>>
// CHECK: 'bundle.concat': result of shape 1x2x3x3, needs 1x2x3x4; correct the result type

// -----

%a, %b = "test.op"() : () -> (tensor<1x2x3x2x!bundle.q<8, 4>>, tensor<1x2x3x2x!bundle.q<8, 5>>)
%y = bundle.concat %a, %b : tensor<1x2x3x2x!bundle.q<8, 4>>, tensor<1x2x3x2x!bundle.q<8, 5>> -> tensor<1x2x3x4x!bundle.q<8, 4>>
// CHECK: 'bundle.concat': elements of types !bundle.q<8, 4>, !bundle.q<8, 5>, needs one type for all; quantise all of them alike

// -----

%a = "test.op"() : () -> (tensor<1x2x3x!bundle.q<8, 4>>)
%y = bundle.concat %a : tensor<1x2x3x!bundle.q<8, 4>> -> tensor<1x2x3x!bundle.q<8, 4>>
// CHECK: 'bundle.concat': input of shape 1x2x3, needs (N, K) or (N, H, W, C); reshape or flatten it first

// -----

%y = bundle.concat : -> tensor<1x2x3x2x!bundle.q<8, 4>>
// CHECK: 'bundle.concat': nothing to concatenate, needs at least one tensor; add one

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2xi8>)
%y = bundle.concat %a : tensor<1x2x3x2xi8> -> tensor<1x2x3x2x!bundle.q<8, 4>>
// CHECK: 'bundle.concat': elements of type i8, needs !bundle.q<bits, frac> or !bundle.affine<bits, scale, zero_point>; change the element type

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2x!bundle.q<8, 4>>)
%y = bundle.slice %a first [0, 2, 0] size [2, 2, 2] : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x2x2x2x!bundle.q<8, 4>>
// CHECK: 'bundle.slice': a part of 2x2x2 from [0, 2, 0] on, needs rows, columns and channels inside 2x3x2; correct the lists

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2x!bundle.q<8, 4>>)
%y = bundle.slice %a first [0, 0] size [2, 2] : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x2x2x2x!bundle.q<8, 4>>
// CHECK: 'bundle.slice': a part of 2x2 from [0, 0] on, needs rows, columns and channels inside 2x3x2; correct the lists

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2x!bundle.q<8, 4>>)
%y = bundle.slice %a first [0, 0, 0] size [2, 2, 2] : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x2x3x2x!bundle.q<8, 4>>
// CHECK: 'bundle.slice': result of shape 1x2x3x2, needs 1x2x2x2; correct the result type

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2x!bundle.q<8, 4>>)
%y = bundle.slice %a first [0, 0, 0] size [2, 2, 2] : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x2x2x2x!bundle.q<8, 5>>
// CHECK: 'bundle.slice': elements of types !bundle.q<8, 4>, !bundle.q<8, 5>, needs one type for all; quantise all of them alike

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2x!bundle.q<8, 4>>)
%y = bundle.pad %a padding [0, -1, 0, 0] : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x2x3x2x!bundle.q<8, 4>>
// CHECK: 'bundle.pad': padding [0, -1, 0, 0], needs 4 integers of at least 0; correct the list

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2x!bundle.q<8, 4>>)
%y = bundle.pad %a padding [0, 1, 0, 0] : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x2x3x2x!bundle.q<8, 4>>
// CHECK: 'bundle.pad': result of shape 1x2x3x2, needs 1x3x3x2; correct the result type

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2x!bundle.q<8, 4>>)
%y = bundle.resize %a factors [0, 1] : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x2x3x2x!bundle.q<8, 4>>
// CHECK: 'bundle.resize': factors [0, 1], needs 2 integers of at least 1; correct the list

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2x!bundle.q<8, 4>>)
%y = bundle.resize %a factors [2, 2] : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x2x3x2x!bundle.q<8, 4>>
// CHECK: 'bundle.resize': result of shape 1x2x3x2, needs 1x4x6x2; correct the result type

// -----

%a = "test.op"() : () -> tensor<1x2x3x2x!bundle.q<8, 4>>
%y = bundle.pad %a padding [0, 0, 0, 0] value 1.0e400 : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x2x3x2x!bundle.q<8, 4>>
// CHECK: 'bundle.pad': value inf, needs a finite number; correct it

// -----

%x = "test.op"() : () -> tensor<2x4x3x!bundle.q<8, 4>>
%y = bundle.transpose %x permutation [2, 0, 1] : tensor<2x4x3x!bundle.q<8, 4>> -> tensor<2x3x4x!bundle.q<8, 4>>
// CHECK: 'bundle.transpose': input of shape 2x4x3, needs (N, H, W, C); reshape or flatten it first

// -----

%x = "test.op"() : () -> tensor<2x1x4x3x!bundle.q<8, 4>>
%y = bundle.transpose %x permutation [0, 1] : tensor<2x1x4x3x!bundle.q<8, 4>> -> tensor<2x1x4x3x!bundle.q<8, 4>>
// CHECK: 'bundle.transpose': permutation [0, 1], needs 0, 1 and 2 in any order; correct the list

// -----

%x = "test.op"() : () -> tensor<2x1x4x3x!bundle.q<8, 4>>
%y = bundle.transpose %x permutation [0, 2, 1] : tensor<2x1x4x3x!bundle.q<8, 4>> -> tensor<2x1x4x3x!bundle.q<8, 4>>
// CHECK: 'bundle.transpose': result of shape 2x1x4x3, needs 2x1x3x4; correct the result type

// -----

%x = "test.op"() : () -> tensor<2x4x4x3x!bundle.q<8, 4>>
%y = bundle.reshape %x : tensor<2x4x4x3x!bundle.q<8, 4>> -> tensor<1x8x4x3x!bundle.q<8, 4>>
// CHECK: 'bundle.reshape': a change of shape from 2x4x4x3 to 1x8x4x3, needs as many elements of as many images; correct the result type

// -----

%x = "test.op"() : () -> tensor<2x4x4x3x!bundle.q<8, 4>>
%y = bundle.reshape %x : tensor<2x4x4x3x!bundle.q<8, 4>> -> tensor<2x16x3x!bundle.q<8, 4>>
// CHECK: 'bundle.reshape': result of shape 2x16x3, needs (N, K) or (N, H, W, C); reshape or flatten it first

// -----

%x = "test.op"() : () -> tensor<2x4x4x3x!bundle.q<8, 4>>
%y = bundle.reshape %x : tensor<2x4x4x3x!bundle.q<8, 4>> -> tensor<2x48x!bundle.q<8, 5>>
// CHECK: 'bundle.reshape': a change of type from !bundle.q<8, 4> to !bundle.q<8, 5>, needs the same type; quantise in an activation

// -----

%x = "test.op"() : () -> tensor<2x48xi8>
%y = bundle.reshape %x : tensor<2x48xi8> -> tensor<2x4x4x3xi8>
// CHECK: 'bundle.reshape': elements of type i8, needs !bundle.q<bits, frac> or !bundle.affine<bits, scale, zero_point>; change the element type
